"""images.yml in a repository with a history, against a registry: what changed is built, the rest gets the new tag."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.fake_registry import FakeRegistry
from tests.unit.ansible_runs import TOP, Ansible

NAMES = ["backend-api", "frontend", "notification-service", "recurring-task-service", "sse-gateway"]


class App:
    """Its repository, with staging's inventory beside it."""

    def __init__(self, folder: Path, registry: FakeRegistry, ansible: Ansible) -> None:
        self.folder, self.registry, self._ansible = folder / "app", registry, ansible
        self.folder.mkdir()
        shutil.copy(TOP / "inventories/app.yml", folder)
        shutil.copytree(TOP / "inventories/staging", folder / "staging")
        here = {"release_registries": [{"host": "*", "endpoint": registry.url}]}
        (folder / "staging/group_vars/all/zz_here.yml").write_text(yaml.safe_dump(here))
        self.git("init", "-q", "-b", "main", ".")

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
        return subprocess.check_output(["git", *who, *arguments], cwd=self.folder, text=True).strip()

    def commit(self, *files: str) -> str:
        for name in files:
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{path.read_text() if path.exists() else ''}x")
        self.git("add", "-A")
        self.git("commit", "-qm", "Changed")
        return self.git("rev-parse", "HEAD")

    def push(self, commit: str, *names: str) -> None:
        """What the workflow does with images that pass."""
        for name in names:
            for tag in (f"sha-{commit}", "staging-latest"):
                self.registry.push(f"todo-app/{name}", tag, text=commit)

    def tags(self, name: str) -> dict[str, str]:
        return self.registry.repositories[f"todo-app/{name}"].tags

    def run(self, *arguments: str, token: str = "hidden") -> tuple[list[str], str]:
        """The services whose images are to be built, and what was said."""
        output = self.folder.with_name("output")
        output.write_text("")
        env = {
            "TODO_VERSION": f"sha-{self.git('rev-parse', 'HEAD')}", "GITHUB_OUTPUT": str(output),
            "PWD": str(self.folder), "TODO_REGISTRY_PUSH_PASSWORD": token, "TODO_REGISTRY_USER": "ada",
        }  # fmt: skip
        done = self._ansible.playbook(
            TOP / "playbooks/images.yml", "-i", self.folder.with_name("staging"), *arguments, **env
        )
        assert done.returncode == 0, done.stdout[-4000:]
        assert "hidden" not in done.stdout
        given = {
            name: json.loads(value)
            for name, _is, value in (line.partition("=") for line in output.read_text().split("\n") if line)
        }
        assert sorted(each["service"] for each in given["images"]) == NAMES
        assert all(each["image"] == f"{each['name']}:{env['TODO_VERSION']}" for each in given["images"])
        assert [each for each in given["build"] if each not in given["images"]] == []
        return sorted(each["service"] for each in given["build"]), done.stdout


@pytest.fixture(scope="module")
def ansible() -> Iterator[Ansible]:
    with Ansible(TOP) as running:
        yield running


@pytest.fixture
def app(tmp_path: Path, ansible: Ansible) -> Iterator[App]:
    with FakeRegistry().serving() as registry:
        yield App(tmp_path, registry, ansible)


def test_the_token_goes_to_its_own_registry_only(app: App) -> None:
    app.push(app.commit("frontend/page.html"), *NAMES)
    app.commit("README.md")
    here = {"release_registries": [{"host": "registry.example", "endpoint": app.registry.url}]}
    (app.folder.with_name("staging") / "group_vars/all/zz_here.yml").write_text(yaml.safe_dump(here))
    app.registry.requests.clear()
    assert app.run()[0] == NAMES, "what cannot be asked is built"
    assert app.registry.requests == []


def test_one_of_five_changed(app: App) -> None:
    first = app.commit("Dockerfile", "frontend/page.html", "backend_api/main.py")
    app.push(first, *NAMES)
    second = app.commit("frontend/page.html", "README.md")
    tags = {name: dict(app.tags(name)) for name in NAMES}
    told = app.run("--check")
    assert told[0] == ["frontend"]
    assert {name: app.tags(name) for name in NAMES} == tags
    build, said = app.run()
    assert build == ["frontend"]
    assert "frontend: built, frontend/page.html changed" in said
    assert f"sse-gateway: as commit {first[:12]} has built it" in said
    for name in NAMES:
        wanted = {} if name == "frontend" else {f"sha-{second}": tags[name][f"sha-{first}"]}
        assert app.tags(name) == tags[name] | wanted
    requests = len(app.registry.requests)
    assert app.run(token="")[0] == NAMES, "who may not tag builds all"
    assert len(app.registry.requests) == requests
