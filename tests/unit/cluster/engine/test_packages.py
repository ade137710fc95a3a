from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.engine import packages
from tests.cluster.errors import ClusterError


def test_what_is_unpacked_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "debian-20.10.24+dfsg1").mkdir()
    monkeypatch.setattr(packages, "_download", lambda folder: pytest.fail("apt-get was called"))

    assert packages.unpacked(tmp_path).name == "debian-20.10.24+dfsg1"


def test_packages_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lists: list[str] = []
    monkeypatch.setattr(packages, "ready_to_build", lambda tools: None)
    monkeypatch.setattr(packages, "update_lists", lambda: lists.append("updated"))
    monkeypatch.setattr(packages, "_download", lambda folder: 100)

    with pytest.raises(ClusterError, match=r"docker\.io, .* cannot be had: `apt-get download` ends with 100"):
        packages.unpacked(tmp_path)
    assert lists == ["updated"], "and tried once more"
    assert list(tmp_path.iterdir()) == []
