"""Requests that nobody thought of, generated from DigitalOcean's contract: no answer is outside of it, none is a crash.

TODO_CLOUD_SEED repeats a run; TODO_CLOUD_EXAMPLES is how many requests of each kind.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.digitalocean import contract
from tests.support.digitalocean.account import Account, Clock
from tests.support.digitalocean.server import DOMAINS, ROUTES, TOKEN, FakeDigitalOcean
from tests.unit.plugins.module_utils.digitalocean.conftest import body

_LIMIT_SECONDS = 600
_CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def reduced(known: Mapping[str, str]) -> dict[str, Any]:
    """What the stand-in has of the contract. ``known``: names of path parameters -> what is there, which half of the
    requests ask for.
    """
    document = copy.deepcopy(dict(contract.document() or pytest.skip("DigitalOcean's contract is not there")))
    wanted, paths = set(ROUTES | DOMAINS), {}
    for path, operations in document["paths"].items():
        kept = {method: each for method, each in operations.items() if (method.upper(), path) in wanted}
        if kept:
            paths[path] = {**operations, **kept}
            for method in set(operations) - set(kept) - {"parameters", "servers"}:
                del paths[path][method]
    for each in [*_parameters(paths), *document["components"].get("parameters", {}).values()]:
        if each.get("in") == "path" and each.get("name") in known:
            each["schema"] = {"anyOf": [{"enum": [known[each["name"]]]}, each["schema"]]}
    return {**document, "paths": paths}


def _parameters(found: Any) -> Iterator[dict[str, Any]]:
    if isinstance(found, dict):
        yield from [each for each in found.get("parameters") or () if isinstance(each, dict)]
        for each in found.values():
            yield from _parameters(each)


def test_no_answer_is_outside_of_the_contract(programs: Path, tmp_path: Path) -> None:
    file, seed = tmp_path / "contract.json", os.environ.get("TODO_CLOUD_SEED", "21")
    cloud = FakeDigitalOcean(Account(Clock(), droplet_limit=500), limit=10**9, strict=True)
    cloud.account.zones = {"example.com": []}
    cluster = cloud.account.create(body())
    pool = cluster["node_pools"][0]
    known = {"cluster_id": cluster["id"], "node_pool_id": pool["id"], "domain_name": "example.com"}
    file.write_text(json.dumps(reduced({**known, "node_id": pool["nodes"][0]["id"]})))
    cloud.account.clock.sleep(300)
    with cloud.serving():
        argv = [
            str(programs / "schemathesis"), "run", str(file), "--url", cloud.url, "--seed", seed, "--checks", _CHECKS,
            "--max-examples", os.environ.get("TODO_CLOUD_EXAMPLES", "10"), "--header", f"Authorization: Bearer {TOKEN}",
            "--continue-on-failure", "--no-shrink", "--phases", "coverage,fuzzing",
        ]  # fmt: skip
        done = subprocess.run(
            argv, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_LIMIT_SECONDS
        )
    statuses = sorted({each.status for each in cloud.requests})
    print(f"seed {seed}: {len(cloud.requests)} requests, statuses {statuses}, {len(cloud.writes())} wrote")
    assert done.returncode == 0, done.stdout[-8000:]
    # Answers to requests of what there is not are schemathesis' to judge.
    outside = ("PathNotFound", "OperationNotFound")
    assert [each for each in cloud.violations if not any(f": {word}" in each for word in outside)] == []
    assert 0 not in statuses, "each was answered"
    assert {200, 201, 202, 404, 422} <= set(statuses)
