# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every answer that is an error has a type and a sentence."""

from __future__ import annotations

import json

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    KubeError,
    NotFound,
    Refused,
    error_of,
    is_final,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, POD
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.support.fake_api import failure, fake_api, obj

RBAC = 'pods is forbidden: User "a:b" cannot list resource "pods" in API group "" in the namespace "ns"'


def test_403_by_rbac_names_verb_and_resource() -> None:
    with fake_api(lambda request, n: failure(403, "Forbidden", RBAC)) as api:
        kube = KubeSession(api.params)
        with pytest.raises(Forbidden) as caught:
            kube.list_(POD, "ns")
    assert str(caught.value) == 'The credentials may not list pods in namespace "ns".'
    assert caught.value.failure.details["verb"] == "list"


def test_403_by_quota_is_a_refusal_not_a_question_of_rights() -> None:
    text = 'configmaps "x" is forbidden: exceeded quota: q, requested: configmaps=1, limited: configmaps=1'
    with fake_api(lambda request, n: failure(403, "Forbidden", text)) as api:
        kube = KubeSession(api.params)
        with pytest.raises(Refused, match="exceeded quota: q"):
            kube.create(CONFIG_MAP, "ns", obj("x"))


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (404, "NotFound", NotFound),
        (409, "Conflict", Conflict),
        (409, "AlreadyExists", AlreadyExists),
        (422, "Invalid", Refused),
        (418, "", KubeError),
    ],
)
def test_other_answers_are_typed(status: int, reason: str, kind: type[KubeError]) -> None:
    with fake_api(lambda request, n: failure(status, reason, "why")) as api:
        kube = KubeSession(api.params)
        with pytest.raises(kind) as caught:
            kube.create(CONFIG_MAP, "ns", obj("x"))
    assert type(caught.value) is kind
    assert caught.value.status == status


def test_a_field_that_a_kind_does_not_have_is_refused_though_the_server_calls_it_an_internal_error() -> None:
    body = json.dumps({"message": "failed to create typed patch object (ns/a): .x: field not declared in schema"})
    assert isinstance(error_of(500, body.encode(), "patch", "serviceaccounts"), Refused)
    assert not is_final(b'{"message": "etcdserver: leader changed"}')
