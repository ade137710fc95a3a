"""The collection as an artifact: what is built is what is committed, and it runs from an empty folder."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.cluster.paths import TOP
from tests.support.checkout import built, copy_of_checkout, tracked


def run(*argv: str | Path, cwd: Path, **env: str) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ANSIBLE_")}
    done = subprocess.run(
        [str(a) for a in argv],
        cwd=cwd,
        env={**clean, **env},
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, argv))}:\n{done.stdout[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("artifact"))


def test_the_artifact_holds_only_committed_files(artifact: Path) -> None:
    with tarfile.open(artifact) as tar:
        names = {m.name for m in tar.getmembers() if m.isfile()}
    assert names - tracked() <= {"MANIFEST.json", "FILES.json"}
    assert {"playbooks/site.yml", "charts/service/Chart.yaml", "plugins/modules/release_apply.py", "README.md"} <= names
    start = {"examples/start/app.yml", "examples/start/inventories/local/group_vars/all/environment.yml"}
    assert start <= names, "docs/your-own-services.md begins with a copy of it"
    assert not names & {"site.yml", "rollback.yml", "Makefile", "ansible.cfg"}
    folders = ("tests", "inventories", "collections", "examples/inventories", "examples/shapes", "examples/todo-app")
    left_out = tuple(f"{folder}/" for folder in folders)
    assert not [name for name in names if name.startswith(left_out)]


def test_installed_into_an_empty_folder_its_playbooks_are_found(artifact: Path, tmp_path: Path) -> None:
    collections = tmp_path / "collections"
    run("ansible-galaxy", "collection", "install", artifact, "--no-deps", "-p", collections, cwd=tmp_path)
    for name in ("site", "rollback"):
        out = run(
            "ansible-playbook",
            f"todo.cloud.{name}",
            "-i",
            TOP / "inventories/staging",
            "--list-hosts",
            cwd=tmp_path,
            ANSIBLE_COLLECTIONS_PATH=str(collections),
            TODO_CLOUD_UNUSED="",
        )
        assert "backend_api" in out


def test_a_checkout_works_wherever_it_is_cloned(tmp_path: Path) -> None:
    clone = copy_of_checkout(tmp_path / "a folder with spaces")
    out = run("ansible-playbook", "site.yml", "-i", "inventories/staging", "--list-hosts", cwd=clone)
    assert "backend_api" in out


def test_a_checkouts_playbooks_run_from_any_folder(tmp_path: Path) -> None:
    """Without its ansible.cfg."""
    for playbook in ("site.yml", "playbooks/preflight.yml"):
        out = run("ansible-playbook", TOP / playbook, "-i", TOP / "inventories/staging", "--list-hosts", cwd=tmp_path)
        assert "backend_api" in out


def test_modules_that_talk_to_kubernetes_are_in_the_action_group() -> None:
    modules = {
        p.stem
        for p in (TOP / "plugins/modules").glob("*.py")
        if "kubernetes.core.k8s_auth_options" in p.read_text(encoding="utf-8")
    }
    group = yaml.safe_load((TOP / "meta/runtime.yml").read_text())["action_groups"]["k8s"]
    assert {m for m in group if isinstance(m, str)} == modules


def test_each_plugin_says_its_licence() -> None:
    header = "# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)"
    files = [path for path in sorted((TOP / "plugins").rglob("*.py")) if path.read_text().strip()]
    assert len(files) > 200
    assert [str(path) for path in files if header not in path.read_text().splitlines()[:4]] == []
