"""As whom the API is asked: options and kubeconfig, headers and the kubeconfig that Helm gets."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.impersonation import Impersonation

USER, GROUP, UID = "Impersonate-User", "Impersonate-Group", "Impersonate-Uid"
EXTRA = {"as": "jane", "as-user-extra": {"example.com/A b%": ["x", "y"]}}


@pytest.mark.parametrize(
    ("options", "user", "headers", "kept"),
    [
        ({}, {}, [], {}),
        ({}, {"token": "t"}, [], {}),
        ({}, {"as": "", "as-groups": [], "as-uid": None}, [], {}),
        ({}, {"as": "jane"}, [(USER, "jane")], {"as": "jane"}),
        (
            {},
            {"as": "jane", "as-groups": ["a", "b"], "as-uid": "7"},
            [(USER, "jane"), (GROUP, "a"), (GROUP, "b"), (UID, "7")],
            {"as": "jane", "as-groups": ["a", "b"], "as-uid": "7"},
        ),
        (
            {},
            EXTRA,
            [(USER, "jane"), *(("Impersonate-Extra-example.com%2FA%20b%25", value) for value in "xy")],
            EXTRA,
        ),
        ({"impersonate_user": "joe"}, {}, [(USER, "joe")], {"as": "joe"}),
        ({"impersonate_user": "joe", "impersonate_groups": ["a"]}, {}, [(USER, "joe"), (GROUP, "a")],
         {"as": "joe", "as-groups": ["a"]}),
        ({"impersonate_user": "joe"}, {"as": "x", "as-groups": ["a"], "as-uid": "7"}, [(USER, "joe")], {"as": "joe"}),
        ({"impersonate_groups": []}, {"as": "jane"}, [(USER, "jane")], {"as": "jane"}),
    ],
)  # fmt: skip
def test_as_whom(options: dict[str, Any], user: dict[str, Any], headers: list[tuple[str, str]], kept: Any) -> None:
    found = Impersonation.of(options, user)
    assert found.headers() == headers
    assert found.as_kubeconfig() == kept
    assert Impersonation.of({}, kept) == found, "Helm acts as the same"


@pytest.mark.parametrize(
    ("options", "user"),
    [
        ({"impersonate_groups": ["a"]}, {}),
        ({"impersonate_groups": ["a"]}, {"as": "jane"}),
        ({}, {"as-groups": ["a"]}),
        ({}, {"as-uid": "7"}),
        ({}, {"as-user-extra": {"a": ["b"]}}),
        ({}, {"as": 7}),
        ({}, {"as": ["jane"]}),
        ({}, {"as": "jane", "as-groups": "a"}),
        ({}, {"as": "jane", "as-groups": [1]}),
        ({}, {"as": "jane", "as-uid": 7}),
        ({}, {"as": "jane", "as-user-extra": ["a"]}),
        ({}, {"as": "jane", "as-user-extra": {"a": "b"}}),
        ({}, {"as": "jane\r\nAuthorization: x"}),
        ({"impersonate_user": "jane\n"}, {}),
        ({"impersonate_user": "j\u00e4ne"}, {}),
    ],
)
def test_what_clients_disagree_about_is_refused(options: dict[str, Any], user: dict[str, Any]) -> None:
    with pytest.raises(TodoCloudError, match="cannot be asked as somebody else") as caught:
        Impersonation.of(options, user)
    assert caught.value.failure.code is Code.CREDENTIALS
