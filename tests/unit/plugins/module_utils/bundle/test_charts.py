"""Charts become files again, just those that the release set names, and nothing beside them."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.bundle.charts import unpacked
from ansible_collections.todo.cloud.plugins.module_utils.digest import chart_archive, chart_digest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError

from tests.unit.plugins.module_utils.bundle.samples import CHART


def packed(*members: tuple[str, Any]) -> bytes:
    """An archive; a dictionary says what else a member is."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, dict):
                for key, value in content.items():
                    setattr(info, key, value)
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return gzip.compress(raw.getvalue())


def fails(archive: bytes, folder: Path, digest: str = "d" * 40) -> TodoCloudError:
    with pytest.raises(TodoCloudError) as caught:
        unpacked(archive, digest, folder)
    return caught.value


def test_a_folder_has_the_digest_that_it_was_verified_with(tmp_path: Path) -> None:
    digest = chart_digest(CHART, None)
    there = unpacked(chart_archive(CHART), digest, tmp_path)
    assert (Path(there).name, chart_digest(there, None)) == ("sleeper", digest)


def test_an_archive_stays_one(tmp_path: Path) -> None:
    archive = chart_archive(CHART)
    (tmp_path / "given.tgz").write_bytes(archive)
    digest = chart_digest(str(tmp_path / "given.tgz"), None)
    there = unpacked(archive, digest, tmp_path)
    assert Path(there).read_bytes() == archive
    assert chart_digest(there, None) == digest
    assert Path(unpacked(archive, "", tmp_path)).read_bytes() == archive, "one that was pulled"


def test_another_chart_is_refused(tmp_path: Path) -> None:
    changed = packed(("sleeper/Chart.yaml", b"name: sleeper\nversion: 6.6.6\n"))
    error = fails(changed, tmp_path, chart_digest(CHART, None))
    assert error.failure.code is Code.BUNDLE_DAMAGED


def sparse(name: str, size: int) -> bytes:
    """A file of holes alone, which an archive of any size can claim: GNU's old format."""
    header = bytearray(tarfile.TarInfo(name).tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:410] = b"%011o\0%011o\0" % (size, 0)
    header[482:495] = b"\0%011o\0" % size
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * 32)
    return gzip.compress(bytes(header) + bytes(1024))


def test_holes_are_no_content(tmp_path: Path) -> None:
    """What unpacks to few bytes may say that it is many."""
    archive = sparse("c/Chart.yaml", 50 << 20)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert [each.size for each in tar] == [50 << 20], "else it is another archive"
    assert fails(archive, tmp_path).failure.code is Code.BUNDLE_REFUSED
    said = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,0", "GNU.sparse.size": str(50 << 20)}
    assert fails(packed(("c/x", {"pax_headers": said})), tmp_path).failure.code is Code.BUNDLE_REFUSED
    odd = {**said, "GNU.sparse.map": ""}
    assert fails(packed(("c/x", {"pax_headers": odd})), tmp_path).failure.code is Code.BUNDLE_DAMAGED


@pytest.mark.parametrize("name", ["ü" * 190, "long/" * 2000 + "x"], ids=["letters are bytes", "path"])
def test_names_that_no_folder_takes(tmp_path: Path, name: str) -> None:
    assert fails(packed((f"c/{name}", b"x")), tmp_path).failure.code is Code.BUNDLE_REFUSED


LINK = {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}


@pytest.mark.parametrize(
    "members",
    [
        [("../evil/Chart.yaml", b"x")],
        [("/evil/Chart.yaml", b"x")],
        [("c/../../evil", b"x")],
        [("c/./x", b"x")],
        [("c//x", b"x")],
        [("c\\..\\evil/x", b"x")],
        [("Chart.yaml", b"x")],
        [("c/link", LINK)],
        [("c/link", {**LINK, "type": tarfile.LNKTYPE})],
        [("c/fifo", {"type": tarfile.FIFOTYPE})],
        [("c/folder", {"type": tarfile.DIRTYPE})],
        [("c/x", b"1"), ("c/x", b"2")],
        [("c/x", b"1"), ("c/x/y", b"2")],
        [("c/x", b"1"), ("d/x", b"2")],
        [],
    ],
    ids=str,
)
def test_nothing_else_is_written(tmp_path: Path, members: list[tuple[str, Any]]) -> None:
    place = tmp_path / "in" / "here"
    place.mkdir(parents=True)
    assert fails(packed(*members), place).failure.code is Code.BUNDLE_REFUSED
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(place)]
    assert outside == []


@pytest.mark.parametrize(
    "archive",
    [b"", b"no gzip", gzip.compress(b"no tar" * 200), gzip.compress(b"\0" * (33 << 20))],
    ids=["empty", "no gzip", "no tar", "too large"],  # gzip writes the time, which no test may be called by
)
def test_no_chart(tmp_path: Path, archive: bytes) -> None:
    assert fails(archive, tmp_path).failure.code in (Code.BUNDLE_DAMAGED, Code.BUNDLE_REFUSED)
