from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.build.images import Image
from tests.cluster.build.parts import KUBERNETES
from tests.cluster.engine import images, node_image
from tests.cluster.engine.images import CONTROL_PLANE
from tests.cluster.errors import ClusterError


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[set[str]], list[str]]:
    """What is built when the engine has some images already."""
    monkeypatch.setattr(node_image, "base_name", lambda: "base:1")
    monkeypatch.setattr(node_image, "node_name", lambda: "node:1")
    monkeypatch.setattr(node_image, "_database_name", lambda image: "database:1")
    monkeypatch.setattr(images, "postgres_image", lambda: Image("postgres:15", ()))

    def run(there: set[str]) -> list[str]:
        built: list[str] = []
        monkeypatch.setattr(node_image, "_there", lambda name, folder: name in there)
        monkeypatch.setattr(node_image, "_build_base", lambda name, folder: built.append(name))
        monkeypatch.setattr(node_image, "_build_node", lambda base, name, folder: built.append(name))
        monkeypatch.setattr(node_image, "_load_database", lambda image, folder: built.append("database:1"))
        assert node_image.ensure(tmp_path) == "node:1"
        return built

    return run


@pytest.mark.parametrize(
    ("there", "built"),
    [
        (set(), ["base:1", "node:1", "database:1"]),
        ({"base:1"}, ["node:1", "database:1"]),
        ({"base:1", "node:1"}, ["database:1"]),
        ({"node:1", "database:1"}, []),
    ],
)
def test_only_what_is_missing_is_built(
    steps: Callable[[set[str]], list[str]], there: set[str], built: list[str]
) -> None:
    assert steps(there) == built


def test_the_server_archive_has_what_kind_looks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program"
    program.write_text("binary")
    names = [*(f"registry.k8s.io/{name}:v{KUBERNETES}" for name in CONTROL_PLANE), "a:1", "b:1"]

    def write(wanted: list[Image], target: Path) -> None:
        target.write_text(json.dumps([image.reference for image in wanted]))

    monkeypatch.setattr(node_image, "built", lambda name: program)
    monkeypatch.setattr(images, "node_images", lambda: [Image(name, ()) for name in names])
    monkeypatch.setattr(node_image, "write_archive", write)
    node_image._write_server(tmp_path / "server", tmp_path / "server.tar.gz")

    with tarfile.open(tmp_path / "server.tar.gz") as archive:
        content = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
        read = {name.rpartition("/")[2]: file.read().decode() for name, file in content.items() if file}
    assert read.pop("version").strip() == f"v{KUBERNETES}"
    assert {name: read.pop(name) for name in ("kubeadm", "kubelet", "kubectl")} == dict.fromkeys(
        ("kubeadm", "kubelet", "kubectl"), "binary"
    )
    assert {name: json.loads(text) for name, text in read.items()} == {
        **{f"{name}.tar": [f"registry.k8s.io/{name}:v{KUBERNETES}"] for name in CONTROL_PLANE},
        "kube-proxy.tar": ["a:1", "b:1"],
    }


def test_a_step_that_fails_names_its_log(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"`sh -c echo no; exit 3` failed: no \(whole log: .*/step.log\)"):
        node_image._run(["sh", "-c", "echo no; exit 3"], {}, tmp_path / "step.log")


def test_what_a_killed_build_left_goes_first(tmp_path: Path) -> None:
    left = tmp_path / "work" / "images" / "base.tar"
    left.parent.mkdir(parents=True)
    left.touch()

    with node_image._work(tmp_path) as folder:
        assert list(folder.iterdir()) == []
    assert not folder.exists()
