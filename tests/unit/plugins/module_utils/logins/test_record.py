"""What is remembered of logins, and that others may have written it."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP
from ansible_collections.todo.cloud.plugins.module_utils.logins.login import Login
from ansible_collections.todo.cloud.plugins.module_utils.logins.record import is_tried, recorded, stamp

from tests.support.logins import PARAMS, Cluster, checked


def test_other_logins_keep_their_record() -> None:
    kube = Cluster()
    checked(kube)
    checked(kube, name="other")
    assert set(recorded(kube, "todo")) == {"database", "other"}


@pytest.mark.parametrize("text", ["", "{", '"x"', '{"identity": 1}'])
def test_a_damaged_record_counts_as_none(text: str) -> None:
    kube = Cluster()
    kube.put(CONFIG_MAP, "todo", {"metadata": {"name": "logins"}, "data": {"database": text}})
    assert not is_tried(kube, Login.parse(PARAMS))
    assert checked(kube).tried


def test_a_part_whose_login_was_tried_lacks_nothing() -> None:
    kube, described = Cluster(), {key: PARAMS[key] for key in ("name", "kind", "namespace", "secret", "key", "tls")}
    assert not is_tried(kube, Login.parse(described))
    checked(kube)
    assert is_tried(kube, Login.parse(described))
    assert not is_tried(kube, Login.parse({**described, "topics": ["a"]}))


@pytest.mark.parametrize(
    ("at", "shown"), [("0", "1970-01-01T00:00:00Z"), ("9" * 30, "2100-01-01T00:00:00Z"), ("x", "?")]
)
def test_a_time_is_shown_whatever_stands_there(at: str, shown: str) -> None:
    assert stamp(at) == shown
