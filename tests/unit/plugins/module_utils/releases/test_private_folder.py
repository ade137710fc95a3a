"""Files for this user alone, never through a link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.releases.private_folder import write_files

FILES = {"a.yaml": b"new", "charts/b.tgz": b"chart"}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_this_user_can_read_it(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_files(tmp_path / "out", FILES)
    finally:
        os.umask(before)
    assert [mode(tmp_path / "out" / name) for name in ("", "a.yaml", "charts", "charts/b.tgz")] == [
        0o700, 0o600, 0o700, 0o600,
    ]  # fmt: skip


def test_a_link_in_the_folder_is_replaced_and_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name, target in {"a.yaml": "victim", ".a.yaml.new": "victim"}.items():
        (tmp_path / target).write_text("old")
        (tmp_path / "out" / name).symlink_to(tmp_path / target)
    (tmp_path / "hard").write_text("old")
    write_files(tmp_path / "out", FILES)
    assert (tmp_path / "victim").read_text() == "old"
    os.link(tmp_path / "hard", tmp_path / "out" / "c")
    write_files(tmp_path / "out", {"c": b"new"})
    assert (tmp_path / "hard").read_text() == "old"
    assert not (tmp_path / "out/a.yaml").is_symlink()


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "out").symlink_to("there")
    with pytest.raises(OSError, match="out"):
        write_files(tmp_path / "out", FILES)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/charts").symlink_to(tmp_path / "there")
    with pytest.raises(OSError, match="charts"):
        write_files(tmp_path / "mine", FILES)
    assert not list((tmp_path / "there").iterdir())


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o777)
    with pytest.raises(PermissionError, match="others may write"):
        write_files(tmp_path / "out", FILES)
