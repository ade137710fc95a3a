"""A file appears whole or not at all, and what a killed run has left goes."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.bundle.place import check_place, unfinished
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError


@pytest.mark.parametrize("name", ["folder", "pipe", "no/b.tar"])
def test_what_no_file_can_be_is_said_before_anything_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TodoCloudError) as caught:
        check_place(tmp_path / name)
    assert caught.value.failure.code is Code.INVALID_INPUT
    check_place(tmp_path / "b.tar")


def test_a_folder_that_may_not_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_args: False)
    with pytest.raises(TodoCloudError, match="may not be written to") as caught:
        check_place(tmp_path / "b.tar")
    assert caught.value.failure.code is Code.INVALID_INPUT


def test_what_a_killed_run_has_left_goes_and_what_is_still_written_stays(tmp_path: Path) -> None:
    place = tmp_path / "b[1].tar"
    left, other, another = (tmp_path / f".{name}.part" for name in ("b[1].tar.left", "b[1].tar.other", "b1.tar.x"))
    for each in (left, other, another):
        each.write_bytes(b"half")
    with other.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with unfinished(place) as file:
            file.write(b"whole")
            assert not place.exists()
    assert set(tmp_path.iterdir()) == {place, other, another}
    assert place.read_bytes() == b"whole"
    was = os.umask(0)
    os.umask(was)
    assert place.stat().st_mode & 0o777 == 0o666 & ~was


@pytest.mark.parametrize(("number", "told"), [(errno.EIO, TodoCloudError), (errno.ENOSPC, OSError)])
def test_what_fails_leaves_nothing(tmp_path: Path, number: int, told: type[Exception]) -> None:
    """That the disk is full is told by module.py."""
    with pytest.raises(told), unfinished(tmp_path / "b.tar"):
        raise OSError(number, os.strerror(number))
    assert list(tmp_path.iterdir()) == []
