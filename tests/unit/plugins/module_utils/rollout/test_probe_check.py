# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the kubelet says no more, the pod is asked."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.fake_api import Answer, Request
from tests.support.shown_cluster import cluster, deployment, objects, wait


def from_proxy(status: int, message: str) -> Answer:
    body = {"kind": "Status", "status": "Failure", "message": message, "code": status}
    return Answer(status, json.dumps(body, separators=(",", ":")).encode())


NOBODY = from_proxy(503, "error trying to reach service: dial tcp 10.244.0.9:8080: connect: connection refused")


CASES = {
    "refused": (NOBODY, Code.PROBE_FAILING),
    "says 503": (Answer(503, b"the database gives: connection refused"), Code.NOT_READY),
    "says 404": (Answer(404, b"{}"), Code.NOT_READY),
    "times out": (
        from_proxy(503, "error trying to reach service: dial tcp 10.244.0.9:8080: i/o timeout"),
        Code.NOT_READY,
    ),
    "forbidden": (
        from_proxy(403, 'pods "x" is forbidden: User "x" cannot get resource "pods/proxy"'),
        Code.NOT_READY,
    ),
    "cut": (Answer(cut=True), Code.NOT_READY),
}


def test_where_the_kubelet_reports_no_more_the_pod_is_asked() -> None:
    """All cases side by side: most of them wait for their time-out."""

    def play(case: str) -> tuple[Code, list[str]]:
        def pod(request: Request) -> Answer | None:
            return CASES[case][0] if "/proxy/" in request.path else None

        with cluster(objects("deployment-probe-refused"), pod) as (api, kube, lines):
            failed = wait(kube, lines, deployment("wrong-port"), timeout=6.0).failures[0]
        return failed.code, [request.path for request in api.requests if "/proxy/" in request.path]

    with ThreadPoolExecutor(len(CASES)) as pool:
        found = dict(zip(CASES, pool.map(play, CASES), strict=True))
    asked = ["/api/v1/namespaces/zoo/pods/wrong-port-fc86644c6-6w8h6:8080/proxy/ready"]
    assert found == {case: (code, asked) for case, (_answer, code) in CASES.items()}
