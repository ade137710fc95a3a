from __future__ import annotations

import sys

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.todo.cloud.plugins.filter.dashboard_page import FilterModule, dashboard_page
from ansible_collections.todo.cloud.plugins.filter.dashboard_queries import FilterModule as Queries


def page() -> str:
    now: dict[str, list[object]] = {"ready": [], "restarts": [], "runs": [], "age": []}
    of = {"environment": "staging", "namespace": "todo-staging"}
    return dashboard_page([], {}, now, [], title="staging", hours=3, moment=0, **of)


def test_the_filters_are_there() -> None:
    assert set(FilterModule().filters()) == {"dashboard_page"}
    (queries,) = Queries().filters().values()
    assert queries([], "todo-staging") == {}
    assert "<h1>staging</h1>" in page()


def test_without_matplotlib_it_is_said_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(AnsibleFilterError, match="-m pip install 'matplotlib"):
        page()
