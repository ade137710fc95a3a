"""One tar file: written in one pass, and read without trusting anything in it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.bundle import layout
from ansible_collections.todo.cloud.plugins.module_utils.bundle.contents import ARTIFACT, MANIFEST, digest_of
from ansible_collections.todo.cloud.plugins.module_utils.bundle.layout import Blob, Layout, entry, same_bundle, write
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError

BUNDLE, LARGE = b'{"a bundle":1}', bytes(range(256)) * 40_000
INDEX = {"schemaVersion": 2, "manifests": [entry(MANIFEST, BUNDLE, "staging-1", ARTIFACT)]}


def blob(content: bytes) -> Blob:
    return Blob(digest_of(content), len(content), lambda start, length: content[start : start + length])


def written(path: Path, *contents: bytes, index: Any = None) -> Path:
    with path.open("wb") as file:
        write(file, index or INDEX, map(blob, contents or (BUNDLE, LARGE)), lambda each: None)
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    with Layout(written(tmp_path / "b.tar")) as found:
        found.verify()
        assert found.bundle == digest_of(BUNDLE)
        assert found.size(digest_of(LARGE)) == len(LARGE)
        assert found.read(digest_of(LARGE), 5_000_000, 100) == LARGE[5_000_000:5_000_100]
        with pytest.raises(TodoCloudError, match="ends too early"):
            found.read(digest_of(LARGE), len(LARGE) - 1, 2)
        with pytest.raises(TodoCloudError, match="is missing"):
            found.read("sha256:" + "0" * 64, 0, 1)


def test_other_tools_read_it(tmp_path: Path) -> None:
    with tarfile.open(written(tmp_path / "b.tar")) as tar:
        assert tar.getnames()[:2] == ["oci-layout", "index.json"]
        assert sorted(tar.getnames())[0] == "blobs/sha256/" + min(digest_of(BUNDLE), digest_of(LARGE))[7:]


def test_equal_contents_give_equal_bytes_in_any_order(tmp_path: Path) -> None:
    one, two = written(tmp_path / "1", BUNDLE, LARGE), written(tmp_path / "2", LARGE, BUNDLE)
    assert one.read_bytes() == two.read_bytes()


def test_a_file_is_known_again_while_it_is_whole(tmp_path: Path) -> None:
    path = written(tmp_path / "b.tar")
    assert same_bundle(path, digest_of(BUNDLE))
    assert not same_bundle(path, digest_of(b"other"))
    assert not same_bundle(tmp_path / "none", digest_of(BUNDLE))
    content = bytearray(path.read_bytes())
    content[-20_000] ^= 1
    path.write_bytes(content)
    assert not same_bundle(path, digest_of(BUNDLE))


def test_what_others_packed_again_is_read(tmp_path: Path) -> None:
    """By tar: with folders, and names that begin with './'."""
    folder = tmp_path / "unpacked"
    with tarfile.open(written(tmp_path / "b.tar")) as tar:
        tar.extractall(folder, filter="data")
    with tarfile.open(tmp_path / "again.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        tar.add(folder, ".")
    with Layout(tmp_path / "again.tar") as found:
        found.verify()
        assert found.bundle == digest_of(BUNDLE)


def hostile(name: str, kind: bytes = tarfile.REGTYPE, size: int = 4, **more: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    for key, value in more.items():
        setattr(info, key, value)
    return info


BLOB = "blobs/sha256/" + "0" * 64


@pytest.mark.parametrize(
    "member",
    [
        hostile("../../etc/passwd"),
        hostile("/etc/passwd"),
        hostile("blobs/sha256/../../../x"),
        hostile("blobs/sha256/" + "0" * 63),
        hostile("blobs/sha512/" + "0" * 128),
        hostile("index.json"),  # twice
        hostile(BLOB, tarfile.SYMTYPE, 0, linkname="/etc/passwd"),
        hostile(BLOB, tarfile.LNKTYPE, 0, linkname="index.json"),
        hostile(BLOB, tarfile.CHRTYPE, 0),
        hostile(BLOB, tarfile.FIFOTYPE, 0),
        hostile(BLOB, tarfile.GNUTYPE_SPARSE),
        hostile(BLOB, tarfile.XHDTYPE),
        hostile(BLOB, tarfile.GNUTYPE_LONGNAME),
        hostile(BLOB, size=1 << 60),
        hostile("blobs/sha256/evil/", tarfile.DIRTYPE, 0),
    ],
    ids=lambda member: f"{member.name[:20]} {member.type!r} {member.size}",
)
def test_nothing_but_a_layout_is_read(tmp_path: Path, member: tarfile.TarInfo) -> None:
    path = written(tmp_path / "b.tar")
    packed = path.read_bytes().removesuffix(b"\0" * 1024)
    path.write_bytes(packed + member.tobuf(tarfile.GNU_FORMAT) + b"evil" + b"\0" * 508 + b"\0" * 1024)
    with pytest.raises(TodoCloudError) as caught:
        Layout(path)
    assert caught.value.failure.code in (Code.BUNDLE_REFUSED, Code.BUNDLE_DAMAGED)
    assert list(tmp_path.iterdir()) == [path]


def _negative(header: bytearray) -> None:
    header[124:136] = b"\xff" * 11 + b"\xf0"
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)


def _checksum(header: bytearray) -> None:
    header[0] ^= 1


@pytest.mark.parametrize("change", [_negative, _checksum])
def test_a_header_that_lies(tmp_path: Path, change: Callable[[bytearray], None]) -> None:
    path = written(tmp_path / "b.tar")
    content = bytearray(path.read_bytes())
    header = content[:512]
    change(header)
    path.write_bytes(header + content[512:])
    with pytest.raises(TodoCloudError) as caught:
        Layout(path)
    assert caught.value.failure.code is Code.BUNDLE_DAMAGED


@pytest.mark.parametrize("content", [b"", b"\0" * 1024, b"no tar" * 1000, b"\x1f\x8b" + b"x" * 600])
def test_no_tar_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b").write_bytes(content)
    with pytest.raises(TodoCloudError) as caught:
        Layout(tmp_path / "b")
    assert caught.value.failure.code in (Code.BUNDLE_REFUSED, Code.BUNDLE_DAMAGED)


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "_MOST_FILES", 3)
    with pytest.raises(TodoCloudError, match="too many files"):
        Layout(written(tmp_path / "b.tar"))


@pytest.mark.parametrize(
    "index",
    [
        {"manifests": []},
        {"manifests": "none"},
        {"manifests": [*INDEX["manifests"], *INDEX["manifests"]]},  # type: ignore[misc]  # a list
        {"manifests": [{"artifactType": "application/vnd.other", "digest": digest_of(BUNDLE)}]},
        ["no object"],
    ],
)
def test_an_index_that_names_not_one_bundle(tmp_path: Path, index: Any) -> None:
    with pytest.raises(TodoCloudError) as caught:
        Layout(written(tmp_path / "b.tar", index=index))
    assert caught.value.failure.code in (Code.BUNDLE_REFUSED, Code.BUNDLE_DAMAGED)


def test_a_registry_that_sends_another_content_makes_no_file(tmp_path: Path) -> None:
    lying = Blob(digest_of(b"x"), len(LARGE), blob(LARGE).read)
    with pytest.raises(TodoCloudError, match="something else"):
        write(io.BytesIO(), INDEX, [lying], lambda each: None)


def test_each_content_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    write(io.BytesIO(), json.loads(json.dumps(INDEX)), [blob(BUNDLE)], lambda each: told.append(each.digest))
    assert told == [digest_of(BUNDLE)]
