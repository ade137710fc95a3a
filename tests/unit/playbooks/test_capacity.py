"""capacity.yml: what each environment needs is kept for the others, the platform counts once, and the pool is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

API = {"name": "api", "pods": 2, "cpu": "120m", "memory": "192Mi", "every_node": False}
ANSWERS: dict[str, Any] = {
    "todo.cloud.service_info": {"needs": [API], "lines": ["web is left out"]},
    "todo.cloud.digitalocean_cost": {
        "smallest": {"size": "s-2vcpu-4gb", "count": 2, "monthly": 48.0}, "room": False,
        "requested": {"pods": 9, "cpu": "900m", "memory": "4000Mi"}, "monthly": 60.0,
        "bill": [{"name": "pool app: 1 x s-2vcpu-4gb"}, {"name": "load balancers: 1"}],
    },
}  # fmt: skip
GROUPS: dict[str, Any] = {
    "platform": {"dapr": {}, "kafka": {"platform_wanted": False}},
    "components": {"dapr_components": {}},
    "core_services": {"api": {"service_role": "backend_api"}},
}


def test_environments_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is relative to the folder in which the command was typed."""
    monkeypatch.setenv("PWD", str(tmp_path))
    file = tmp_path / "needs.json"
    runs: list[Run] = []
    with Stubbed(tmp_path / "collection") as stubbed:
        for name, manages in (("staging", False), ("production", True)):
            given = {"environment_name": name, "platform_manage": manages, "capacity_file": file.name,
                     "cluster_doks": {"region": "fra1", "node_pools": [{"name": "app"}]}}  # fmt: skip
            done = stubbed.run("capacity", inventory(GROUPS, **given), answers=ANSWERS)
            assert done.code == 0, done.output
            runs.append(done)
    first, last = (run.arguments("digitalocean_cost")[0] for run in runs)
    assert first["needs"] == [API]
    names = sorted(each["name"] for each in last["needs"] if "monitoring" not in each["name"])
    assert names == ["Dapr", "api", "api"]
    assert (last["region"], last["node_pools"], last["load_balancers"]) == ("fra1", [{"name": "app"}], 0)
    assert set(json.loads(file.read_text())) == {"staging", "production"}
    for words in (
        "production, staging: 9 pods request 900m CPU and 4000Mi memory",
        "smallest pool: 2 x s-2vcpu-4gb, $48.00 a month",
        "there is no room for them",
        "web is left out",
    ):
        assert words in runs[1].text
