from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from tests.cluster.build.oci import (
    Blob,
    Entry,
    Reference,
    config_document,
    digest_of,
    manifest_document,
    tree,
    write_layer,
)


def layer_of(folder: Path, entries: list[Entry]) -> Path:
    folder.mkdir(exist_ok=True)
    write_layer(entries, folder / "layer.tar")
    return folder / "layer.tar"


def test_equal_files_give_an_equal_digest_whatever_their_order_owner_or_time(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("b", "a"):
        (source / name).write_text(name)
    first = layer_of(tmp_path / "1", list(tree(source, "/app")))
    os.utime(source / "a", (1, 1))
    second = layer_of(tmp_path / "2", list(reversed(list(tree(source, "/app")))))

    assert digest_of(first) == digest_of(second)


def test_a_layer_holds_parents_links_and_modes(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    entries = [Entry("opt/x/run", source=script), Entry("bin/sh", link="busybox"), Entry("tmp", mode=0o1777)]

    with tarfile.open(layer_of(tmp_path / "out", entries)) as tar:
        found = {info.name: info for info in tar}

    assert list(found) == ["bin", "bin/sh", "opt", "opt/x", "opt/x/run", "tmp"]
    assert found["opt/x"].isdir()
    assert found["bin/sh"].linkname == "busybox"
    assert found["tmp"].mode == 0o1777
    assert {info.mtime for info in found.values()} == {0}
    assert {(info.uid, info.gid) for info in found.values()} == {(0, 0)}


def test_a_tree_leaves_out_what_is_not_wanted(tmp_path: Path) -> None:
    (tmp_path / "a" / "__pycache__").mkdir(parents=True)
    (tmp_path / "a" / "__pycache__" / "x.pyc").write_text("")
    (tmp_path / "a" / "x.py").write_text("")

    assert [entry.path for entry in tree(tmp_path, "/app", skip=["__pycache__"])] == ["/app/a/x.py"]


def test_a_manifest_joins_configuration_and_layers() -> None:
    layers = [Blob("sha256:1", 10), Blob("sha256:2", 20)]
    config = config_document({"User": "65532"}, layers)
    manifest = json.loads(manifest_document(config, layers))

    assert json.loads(config)["rootfs"]["diff_ids"] == ["sha256:1", "sha256:2"]
    assert manifest["config"]["size"] == len(config)
    assert [layer["size"] for layer in manifest["layers"]] == [10, 20]


def test_a_reference_is_taken_apart() -> None:
    assert Reference.parse("ghcr.io/todo-app/frontend:v1.0.0") == Reference("ghcr.io", "todo-app/frontend", "v1.0.0")


@pytest.mark.parametrize("text", ["busybox", "ghcr.io/a/b", "library/busybox:1"])
def test_an_incomplete_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host/repository:tag"):
        Reference.parse(text)


def test_files_are_written_as_they_are(tmp_path: Path) -> None:
    path = layer_of(tmp_path / "out", [Entry("etc/passwd", data=b"root\n", mode=0o644)])

    with tarfile.open(path) as tar:
        content = tar.extractfile("etc/passwd")
        assert isinstance(content, io.BufferedReader)
        assert content.read() == b"root\n"
