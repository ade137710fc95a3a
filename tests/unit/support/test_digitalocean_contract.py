"""The stand-in of DigitalOcean is compared with DigitalOcean's contract, and the comparison finds what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.digitalocean import contract

_CLUSTER = {"name": "todo", "region": "fra1", "version": "1.36.3-do.0"}
_POOL = {"name": "app", "size": "s-2vcpu-4gb", "count": 1}
_ANSWER: dict[str, Any] = {"kubernetes_cluster": {**_CLUSTER, "node_pools": [_POOL]}}
_NONE: dict[str, Any] = {"kubernetes_clusters": [], "meta": {"total": 0}}
_PATH = "/v2/kubernetes/clusters"


def problems(method: str, path: str, body: Any, status: int, answer: Any) -> list[str]:
    if contract.document() is None:
        pytest.skip("DigitalOcean's contract is not there")
    raw = b"" if body is None else json.dumps(body).encode()
    return contract.problems(method, path, raw, status, {}, b"" if answer is None else json.dumps(answer).encode())


def test_a_good_exchange() -> None:
    assert problems("POST", _PATH, {**_CLUSTER, "node_pools": [_POOL]}, 201, _ANSWER) == []
    assert problems("GET", f"{_PATH}?page=1&per_page=200", None, 200, _NONE) == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "answer"),
    [
        ("POST", _PATH, _CLUSTER, 201, _ANSWER),  # no pools
        ("POST", _PATH, {**_CLUSTER, "node_pools": [{**_POOL, "count": "2"}]}, 201, _ANSWER),
        ("POST", _PATH, {**_CLUSTER, "node_pools": [_POOL]}, 201, {"kubernetes_cluster": _CLUSTER}),
        ("POST", _PATH, {**_CLUSTER, "node_pools": [_POOL]}, 202, {"cluster": {}}),
        ("GET", f"{_PATH}?per_page=500", None, 200, _NONE),
        ("GET", _PATH, None, 200, {"kubernetes_clusters": []}),
        ("GET", f"{_PATH}/todo/config", None, 200, {}),
        ("GET", _PATH, None, 401, {"error": "no"}),
    ],
)
def test_what_the_contract_does_not_have(method: str, path: str, body: Any, status: int, answer: Any) -> None:
    assert problems(method, path, body, status, answer)
