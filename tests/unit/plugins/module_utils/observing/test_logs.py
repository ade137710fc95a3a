from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.observing.logs import lines, query_of, wanted_of
from ansible_collections.todo.cloud.plugins.module_utils.observing.source import Source

from tests.support.fake_kube import FakeKube

WANTED: dict[str, Any] = {"namespace": "todo", "since": "10m", "limit": 200}
OPTIONS = {"of_namespace": "todo", "of_service": "", "services": {}, "pod": "", "since": "10m", "level": "", "text": "",
           "trace_id": "", "limit": 200, "with_namespaces": []}  # fmt: skip


def test_a_query_says_what_is_given() -> None:
    end = " | sort by (_time) desc limit 200"
    assert query_of(WANTED) == f'_time:10m "kubernetes.pod_namespace":="todo"{end}'
    more = {**WANTED, "pod": "x-1", "level": "warning", "trace_id": "4bf9", "text": 'a "b" | delete'}
    assert query_of(more) == (
        '_time:10m "kubernetes.pod_namespace":="todo" "kubernetes.pod_name":="x-1"'
        ' (level:i("warning") or level:i("warn"))'
        ' ("trace_id":="4bf9" or "downstream_X-Trace-Id":="4bf9" or "request_Traceparent":"4bf9")'
        rf' i("a \"b\" | delete"){end}'
    )
    several = query_of({**WANTED, "with_namespaces": ["traefik"]})
    assert '("kubernetes.pod_namespace":="todo" or "kubernetes.pod_namespace":="traefik")' in several


@pytest.mark.parametrize("wrong", [{"since": "10"}, {"since": "1m | delete"}, {"level": "loud"}], ids=str)
def test_what_is_none_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(TodoCloudError, match=r"^(since|level) \(.+\) must be"):
        query_of({**WANTED, **wrong})


def test_a_service_is_known_by_its_pods_labels() -> None:
    assert wanted_of(OPTIONS)["labels"] == {}
    assert wanted_of({**OPTIONS, "of_service": "api"})["labels"] == {"app.kubernetes.io/instance": "api"}
    others = {"search": {"pods": {"app": "s"}}}
    found = wanted_of({**OPTIONS, "of_service": "search", "services": others})
    assert '"kubernetes.pod_labels.app":="s"' in query_of(found)


class Asked(FakeKube):
    def __init__(self, *lines: Any) -> None:
        super().__init__()
        self.body = "".join(f"{json.dumps(line)}\n" for line in lines)

    def service_get(
        self, namespace: str, service: str, port: int | str, path: str, query: Mapping[str, str], **more: Any
    ) -> tuple[int, str]:
        assert more["timeout"] > 0
        assert path == "select/logsql/query"
        return 200, self.body


def test_lines_come_in_their_order() -> None:
    later = {"_time": "2026-11-21T09:30:02Z", "_msg": "two", "kubernetes.pod_name": "api-1", "level": "error", "a": 1}
    first = {"_time": "2026-11-21T09:30:01Z", "_msg": "one", "kubernetes.container_name": "daprd", "trace_id": "4b"}
    found = lines(Source(Asked(later, first), "VictoriaLogs", "", "n", "s", 1), WANTED)
    assert [line["message"] for line in found] == ["one", "two"]
    assert found[0] == {"time": "2026-11-21T09:30:01Z", "pod": "", "container": "daprd", "level": "", "trace_id": "4b",
                        "message": "one"}  # fmt: skip
    access = {
        "RequestMethod": "GET",
        "RequestHost": "x.test",
        "RequestPath": "/api",
        "DownstreamStatus": 200,
        "_msg": "?",
    }
    (edge,) = lines(Source(Asked({**access, "downstream_X-Trace-Id": "4b"}), "VictoriaLogs", "", "n", "s", 1), WANTED)
    assert (edge["message"], edge["trace_id"]) == ("GET x.test/api 200", "4b")
    assert lines(Source(Asked(), "VictoriaLogs", "", "n", "s", 1), WANTED) == []
    with pytest.raises(TodoCloudError, match="What answers as VictoriaLogs is something else"):
        lines(Source(Asked("text"), "VictoriaLogs", "", "n", "s", 1), WANTED)


def test_a_message_with_ends_of_lines_of_its_own_is_one_line() -> None:
    """JSON leaves those of Unicode as they are."""
    text = "one\u2028two\u0085three\x1cfour"
    asked = Asked()
    asked.body = json.dumps({"_time": "2026-11-21T09:30:02Z", "_msg": text}, ensure_ascii=False) + "\r\n\n"
    (line,) = lines(Source(asked, "VictoriaLogs", "", "n", "s", 1), WANTED)
    assert line["message"] == text
