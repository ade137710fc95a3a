from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.build import layers
from tests.cluster.errors import ClusterError


def test_a_part_that_is_not_built_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "BIN", tmp_path)

    with pytest.raises(ClusterError, match="coredns is not built yet: run "):
        layers.binary_layer("coredns", "/coredns")
