"""The oldest and the newest version of what the collection runs with: each deploys, sees no change, and goes back.

All use one cluster, one after another, so that each goes on with what another version has deployed. The first one is
the collection as it was before (``BEFORE=REVISION``; by default the last tag, else the parent of the commit that raised
the version). Dapr's version before is what ``make dapr-upgrade`` starts from.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.build.parts import HELM3
from tests.e2e.conftest import TOP, Cluster
from tests.matrix.versions import Controller, helm

OLDEST = ("kubernetes==31.0.0", "jmespath==1.0.1")
NEWEST = ("kubernetes", "jmespath")
CONTROLLERS = (
    Controller("core-2.19.4", "3.11", "ansible-core==2.19.4", "12.3.0", OLDEST),
    Controller("core-2.20", "3.12", "ansible-core~=2.20.0", "13.8.0", NEWEST),
    Controller("core-2.21", "3.13", "ansible-core~=2.21.0", "14.5.0", NEWEST),
    Controller("core-newest", "3.14", "ansible-core", "14.5.0", NEWEST),
)
HELMS = ("3.18.0", HELM3, "4.1.0")
SERVICES = "playbooks/services.yml"


@pytest.fixture(scope="session")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection of the version before, as a checkout."""
    revision = os.environ.get("BEFORE") or git("tag", "--merged", "HEAD^", "--sort=-v:refname").partition("\n")[0]
    if not revision:
        raised = git("log", "-1", "--format=%H", "-G^version:", "--", "galaxy.yml").strip()
        if not git("rev-list", "--parents", "-1", raised).strip().partition(" ")[2]:
            pytest.skip("this is the first version: BEFORE=REVISION names an earlier commit")
        revision = f"{raised}^"
    folder = tmp_path_factory.mktemp("before")
    archive = subprocess.run(["git", "archive", revision], cwd=TOP, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    print(f"\nthe version before: {git('log', '-1', '--format=%h %s', revision).strip()}")
    return folder


def git(*argv: str) -> str:
    return subprocess.run(["git", *argv], cwd=TOP, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def app(cluster: Cluster) -> Cluster:
    """The app as the inventory describes it, whatever a version before has left."""
    cluster.playbook("site.yml").ok()
    return cluster


def session(cluster: Cluster, **env: Any) -> str:
    """What a team does: plan, deploy, deploy again, look, go back."""
    new, broken = (("-e", f"backend_api_version={version}") for version in ("v1.1.0", "v1.1.0-crash"))
    plan = cluster.playbook("playbooks/plan.yml", *new, **env).ok()
    assert "v1.1.0" in plan.output
    deployed = cluster.playbook(SERVICES, *new, **env).ok()
    assert deployed.count("changed") > 0
    assert cluster.image_of("backend-api").endswith(":v1.1.0")
    assert cluster.playbook(SERVICES, *new, **env).ok().count("changed") == 0
    refused = cluster.playbook(SERVICES, *broken, "-e", "release_on_failure=set", **env)
    assert refused.code != 0
    assert "crash_loop" in refused.output, refused.output[-4000:]
    assert "Traceback" not in refused.output
    assert cluster.image_of("backend-api").endswith(":v1.1.0")
    cluster.playbook("rollback.yml", **env).ok()
    assert cluster.image_of("backend-api").endswith(":v1.0.0")
    assert cluster.playbook("playbooks/verify.yml", **env).ok().count("changed") == 0
    site = cluster.playbook("site.yml", **env).ok()
    assert "backend-api" in cluster.playbook("playbooks/status.yml", **env).ok().output
    return f"deployed in {deployed.seconds:.0f} s, refused in {refused.seconds:.0f} s, site.yml {site.seconds:.0f} s"


def test_the_collection_before(cluster: Cluster, before: Path) -> None:
    """Its records, locks and labels are read: nothing is deployed again, and the rollback goes to a set of its own."""
    cluster.playbook("site.yml", cwd=before).ok()
    cluster.playbook(SERVICES, "-e", "backend_api_version=v1.1.0", cwd=before).ok()
    pods = {pod["metadata"]["uid"] for pod in cluster.pods("backend-api")}
    cluster.playbook(SERVICES, "-e", "backend_api_version=v1.1.0").ok()
    assert {pod["metadata"]["uid"] for pod in cluster.pods("backend-api")} == pods
    cluster.playbook("rollback.yml").ok()
    assert cluster.image_of("backend-api").endswith(":v1.0.0")
    cluster.playbook("playbooks/verify.yml").ok()


@pytest.mark.parametrize("controller", CONTROLLERS, ids=lambda each: each.name)
def test_controller(app: Cluster, controller: Controller) -> None:
    try:
        environ: dict[str, Any] = dict(controller.environ())
    except LookupError as error:
        pytest.skip(f"{controller.name} was not run: {error}")
    said = app.run("ansible-playbook", "--version", **environ).stdout.splitlines()[0]
    print(f"\n{said}, Python {controller.python}: {session(app, **environ)}")


@pytest.mark.parametrize("version", HELMS)
def test_helm(app: Cluster, version: str) -> None:
    environ: dict[str, Any] = dict(helm(version))
    assert version in app.run("helm", "version", "--short", **environ).stdout
    print(f"\nhelm {version}: {session(app, **environ)}")
