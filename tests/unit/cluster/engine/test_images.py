from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.build.parts import KIND_FILES, KIND_NAMES
from tests.cluster.engine import images
from tests.cluster.errors import ClusterError


@pytest.fixture
def kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What of kind's module is kept in the cache."""
    monkeypatch.setattr(images, "cache", lambda: tmp_path)
    names = tmp_path / KIND_NAMES.place
    names.mkdir(parents=True)
    (names / "const_cni.go").write_text('package nodeimage\nconst kindnetdImage = "docker.io/kindest/kindnetd:v1"\n')
    (names / "const_storage.go").write_text('const a = "x"\nconst storageHelperImage = "docker.io/kindest/helper:v2"\n')
    config = tmp_path / KIND_FILES.place / "etc" / "containerd"
    config.mkdir(parents=True)
    (config / "config.toml").write_text('  # fixed\n  sandbox_image = "registry.k8s.io/pause:3.10"\n')
    return tmp_path


def test_the_images_that_kind_pulls_are_read_from_its_module(kind: Path) -> None:
    assert images._kind() == ["docker.io/kindest/kindnetd:v1", "docker.io/kindest/helper:v2"]
    assert images._pause() == "registry.k8s.io/pause:3.10"


def test_a_configuration_without_a_sandbox_image(kind: Path) -> None:
    (kind / KIND_FILES.place / "etc" / "containerd" / "config.toml").write_text("version = 2\n")
    with pytest.raises(ClusterError, match="names no sandbox_image"):
        images._pause()


def test_the_scripts_of_the_images_can_be_run() -> None:
    scripts = sorted(images.FILES.glob("*.sh"))
    assert [path.name for path in (*scripts, images.FILES / "runc.py") if not path.stat().st_mode & 0o111] == []
    assert [path.name for path in scripts if not path.read_text().startswith("#!/bin/")] == []
