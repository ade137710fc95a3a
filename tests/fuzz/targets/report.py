"""The result of a task that failed, whichever collection it is of, on the pages of a report and on the last lines."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.callback.summary import summed, why
from ansible_collections.todo.cloud.plugins.plugin_utils.remedies import remedies
from ansible_collections.todo.cloud.plugins.plugin_utils.report.document import About, Told, document_of
from ansible_collections.todo.cloud.plugins.plugin_utils.report.markdown import markdown_of
from ansible_collections.todo.cloud.plugins.plugin_utils.report.page import page_of

from tests.fuzz.frame import Target
from tests.support.reported import BEGAN, GITHUB

EVENT = {"object": "Pod/x", "reason": "BackOff", "message": "m", "count": 3, "last_seen": "2026-11-21T10:00:00Z"}
FAILED = {
    "msg": "backend-api: container app exits with code 1",
    "failure": {
        "code": "crash_loop",
        "message": "backend-api: container app exits with code 1",
        "details": {
            "release": "backend-api", "pod": "p", "container": "app", "log_tail": ["one", "two"], "events": [EVENT],
            "probes": {"readinessProbe": "GET :8080/"}, "quota": [{"name": "q", "hard": {"pods": "3"}}],
            "problems": [{"release": "a", "message": "y", "remedy": "z", "certain": True}],
        },
    },
    "failures": [{"code": "crash_loop", "message": "backend-api: container app exits with code 1", "details": {}}],
}  # fmt: skip
COMMAND = {"msg": "non-zero return code", "rc": 2, "stderr": "one\ntwo", "stdout": "", "cmd": ["x"]}


def attempt(result: Any) -> None:
    """No terminal's escape is left, and all can be written."""
    if not isinstance(result, dict):
        return
    summed(result)
    remedies(result)
    failed = {"host": "h", "task": "t", "message": why(result), "result": result}
    document = document_of(Told([failed], phases=[("p", BEGAN)]), About(["x.yml"], BEGAN, BEGAN + 9, variables=GITHUB))
    for text in (markdown_of(document), page_of(document)):
        assert "\x1b" not in text
        text.encode()


TARGET = Target("report", (FAILED, COMMAND), attempt)
