# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A chart that makes its Secret from values: deployed, changed, exported and taken back, and its values stand in
Secrets only.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, SECRET
from ansible_collections.todo.cloud.plugins.module_utils.records.input_key import NAME

from tests.cluster.paths import BIN, TOP
from tests.integration.releases.world import World

CHART = str(TOP / "tests" / "fixtures" / "charts" / "secretive")


def release(world: World, password: str) -> dict[str, Any]:
    values: dict[str, Any] = {
        "plain": f"{password}-plain",
        "encoded": f"{password}-encoded",
        "hashed": password,
        "open": "word",
    }
    return {**world.release("db", **values), "chart": CHART}


def in_plain_sight(world: World) -> str:
    """All that somebody reads who may not read Secrets' contents."""
    maps = world.kube.list_(CONFIG_MAP, world.namespace)[0]
    secrets = world.kube.list_(SECRET, world.namespace, metadata_only=True)[0]
    return json.dumps([maps, secrets])


def content(world: World) -> str:
    return str(world.kube.get(SECRET, world.namespace, "db")["data"]["encoded"])


def test_values_of_secrets_stand_in_secrets_only(world: World, tmp_path: Path) -> None:
    first = world.apply(release(world, "canary1"), diff=True).ok()
    one = content(world)
    second = world.apply(release(world, "canary2"), diff=True).ok()
    plan = world.apply(release(world, "canary3"), check=True, diff=True, export=str(tmp_path / "out")).ok()
    assert "(hidden, after)" in json.dumps(second.result["diff"])
    for text in (*(json.dumps(run.result) for run in (first, second, plan)), in_plain_sight(world)):
        assert "canary" not in text
    assert not [file for file in (tmp_path / "out").rglob("*.*") if b"canary" in file.read_bytes()]
    again = world.apply(release(world, "canary2")).ok()
    assert (again.outcomes, again.result["helm_calls"]) == ({"db": "unchanged"}, 0)
    world.kube.delete(SECRET, world.namespace, NAME)
    assert world.apply(release(world, "canary2")).ok().outcomes == {"db": "unchanged"}, "the key is lost"
    world.kube.delete(SECRET, world.namespace, world.history("db")[0].secret)
    assert world.back("1").ok().outcomes == {"db": "restored"}
    assert content(world) == one
    assert "canary" not in in_plain_sight(world)


def test_an_export_takes_them_from_the_deployed_release(world: World, tmp_path: Path) -> None:
    world.apply(release(world, "canary1")).ok()
    before = content(world)
    world.apply(release(world, "canary1"), check=True, export=str(tmp_path / "out")).ok()
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        ["sh", str(tmp_path / "out" / "helm.sh")], capture_output=True, text=True, timeout=600, check=False,
        env={"PATH": path, "HOME": str(tmp_path), "KUBECONFIG": world.kubeconfig},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert (world.stored("db").revision, content(world)) == (2, before)
