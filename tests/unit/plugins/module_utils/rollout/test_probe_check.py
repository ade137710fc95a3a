# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the kubelet says no more, the pod is asked."""

from __future__ import annotations

import json

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.fake_api import Answer, Request
from tests.support.shown_cluster import cluster, deployment, objects, wait


def from_proxy(status: int, message: str) -> Answer:
    body = {"kind": "Status", "status": "Failure", "message": message, "code": status}
    return Answer(status, json.dumps(body, separators=(",", ":")).encode())


NOBODY = from_proxy(503, "error trying to reach service: dial tcp 10.244.0.9:8080: connect: connection refused")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (NOBODY, Code.PROBE_FAILING),
        (Answer(503, b"the database gives: connection refused"), Code.NOT_READY),
        (Answer(404, b"{}"), Code.NOT_READY),
        (from_proxy(503, "error trying to reach service: dial tcp 10.244.0.9:8080: i/o timeout"), Code.NOT_READY),
        (from_proxy(403, 'pods "x" is forbidden: User "x" cannot get resource "pods/proxy"'), Code.NOT_READY),
        (Answer(cut=True), Code.NOT_READY),
    ],
    ids=["refused", "says-503", "says-404", "timeout", "forbidden", "cut"],
)
def test_where_the_kubelet_tells_no_more_the_pod_is_asked(answer: Answer, code: Code) -> None:
    def pod(request: Request) -> Answer | None:
        return answer if "/proxy/" in request.path else None

    with cluster(objects("deployment-probe-refused"), pod) as (api, kube, lines):
        failed = wait(kube, lines, deployment("wrong-port"), timeout=2.0).failures[0]
    assert failed.code is code
    asked = [request.path for request in api.requests if "/proxy/" in request.path]
    assert asked == ["/api/v1/namespaces/zoo/pods/wrong-port-fc86644c6-6w8h6:8080/proxy/ready"]
