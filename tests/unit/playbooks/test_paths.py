"""Paths that a person types: from the folder of the command, or from a home folder, which no shell expands after =."""

from __future__ import annotations

import re

from tests.cluster.paths import TOP


def test_every_path_from_the_folder_of_the_command_may_begin_with_a_tilde() -> None:
    joined = re.compile(r"\[(?:lookup\('ansible\.builtin\.env', 'PWD'\)|_\w+_folder), ([^\]]+)\] \| path_join")
    found = [(path.name, each) for path in TOP.glob("playbooks/**/*.yml") for each in joined.findall(path.read_text())]
    assert len(found) > 10
    assert [each for each in found if not each[1].endswith("| expanduser")] == []
