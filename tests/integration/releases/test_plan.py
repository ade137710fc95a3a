# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The plan: it tells what a run then does, shows no secret, writes nothing, and can be taken along as plain Helm."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ansible_collections.todo.cloud.plugins.filter.plan_markdown import plan_markdown

from tests.cluster.paths import BIN
from tests.integration.releases.world import World


def test_the_plan_reports_what_the_run_then_does(world: World) -> None:
    world.apply(world.release("api"), world.release("edge"), world.release("old")).ok()
    wanted = world.release("api", text="canary-two"), world.release("edge"), world.release("fresh")
    before = world.fingerprint()
    plan = world.apply(*wanted, check=True, diff=True, prune=True).ok()
    assert world.fingerprint() == before
    assert {item["name"]: item["kind"] for item in plan.result["plan"]} == {
        "api": "change", "edge": "unchanged", "fresh": "new", "old": "remove",
    }  # fmt: skip
    assert plan.result["table"][-1] == "1 to change, 1 new, 1 to remove, 1 unchanged"
    headers = {entry["after_header"] for entry in plan.result["diff"]}
    assert {"api: ConfigMap/api (revision 2)", "api: Secret/api-made (revision 2)"} <= headers
    assert "old: Deployment/old (removed)" in headers
    assert not any(name.startswith("edge:") for name in headers)
    text = plan_markdown(plan.result, "test")
    assert "+  text: canary-two" in text, "a ConfigMap is shown"
    assert "rendered-canary-two" not in text, "a Secret is not"
    done = world.apply(*wanted, prune=True).ok()
    assert done.actions == plan.actions
    assert done.result["changed"] is plan.result["changed"] is True
    assert world.apply(*wanted, check=True, prune=True).ok().result["changed"] is False


def test_an_export_deploys_the_same_by_helm_alone(world: World, tmp_path: Path) -> None:
    world.secret("database", {"word": "canary"})
    release = world.release("api", watches=("database",), text="one")
    world.apply(release).ok()
    pods, manifest = set(world.pods("api")), world.stored("api").manifest
    out = tmp_path / "way out"
    plan = world.apply(release, check=True, export=str(out)).ok()
    assert plan.result["changed"] is False
    assert "helm.sh" in plan.result["exported"]
    assert "canary" not in "".join(f.read_text() for f in out.iterdir() if f.is_file())
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        ["sh", str(out / "helm.sh")], env={"PATH": path, "HOME": str(tmp_path), "KUBECONFIG": world.kubeconfig},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert (world.stored("api").revision, world.stored("api").manifest) == (2, manifest)
    assert set(world.pods("api")) == pods, "no pod was restarted"
    plan = world.apply(release, check=True, diff=True).ok()
    assert [(item["kind"], item["why"]) for item in plan.result["plan"]] == [
        ("change", f"changed manually: {world.stored('api').description}")
    ]
    assert plan.result["diff"] == [], "nothing differs but who did it"
