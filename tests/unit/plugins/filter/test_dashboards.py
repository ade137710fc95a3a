from __future__ import annotations

from ansible_collections.todo.cloud.plugins.filter.dashboard_page import FilterModule, dashboard_page
from ansible_collections.todo.cloud.plugins.filter.dashboard_queries import FilterModule as Queries


def test_the_filters_are_there() -> None:
    assert set(FilterModule().filters()) == {"dashboard_page"}
    (queries,) = Queries().filters().values()
    assert queries([], "todo-staging") == {}
    page = dashboard_page([], {}, {"alerts": [], "ready": [], "restarts": []}, title="staging", moment=0)
    assert "<h1>staging</h1><p>1970-01-01 00:00:00 UTC</p>" in page
