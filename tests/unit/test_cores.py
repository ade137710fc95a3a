# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which ansible-cores `make sanity-all` takes, and what it says where their Python is missing."""

from __future__ import annotations

import re

import pytest

from tests import cores
from tests.cluster.paths import TOP


def test_without_its_python_a_core_is_left_out_aloud(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cores, "CORES", dict.fromkeys(cores.CORES, "4.99"))
    assert cores.main([]) == 2
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in said] == list(cores.CORES)
    assert all(line.endswith("there is no Python 4.99") for line in said)


def test_the_readme_names_the_cores() -> None:
    [row] = re.findall(r"^\| ansible-core \| 2.19.*$", (TOP / "README.md").read_text(), re.MULTILINE)
    assert f"; {' and '.join(core.rpartition('.')[0] for core in cores.CORES)}: unit tests, ansible-test sanity" in row
