from __future__ import annotations

import os
import pty
import subprocess
import termios

from tests import stages
from tests.cluster.paths import TOP
from tests.reference import playbooks


def test_every_target_of_the_makefile_explains_itself() -> None:
    lines = (TOP / "Makefile").read_text().splitlines()
    phony = {line.split()[1] for line in lines if line.startswith(".PHONY:")}
    explained = {line.partition(":")[0] for line in lines if " ## " in line and not line.startswith("\t")}

    assert phony == explained
    assert {"help", "up", "down", "test", "kubeconfig", "status", "lint", "unit", "integration", "e2e"} <= phony


def test_ci_runs_the_tests_and_requires_all_of_them() -> None:
    commands = [
        line
        for line in (TOP / ".ci" / "run").read_text().splitlines()
        if line and not line.startswith(("#", "set ", "cd "))
    ]

    required, command = commands
    assert required.startswith("export TODO_CLOUD_DO_CONTRACT_REQUIRED=1 "), "no comparison is left out unseen"
    assert command == "exec make test </dev/null"


def test_no_target_names_the_cluster_that_an_environment_variable_chooses() -> None:
    shown = subprocess.run(
        ["make", "--dry-run", "up", "status", "kubeconfig", "down"], cwd=TOP, capture_output=True, text=True, check=True
    )
    commands = [line for line in shown.stdout.splitlines() if "-m tests.cluster" in line]

    assert [line.partition("-m tests.cluster ")[2] for line in commands] == [
        "build --https",
        "up --https",
        "guide",
        "status",
        "kubeconfig >/dev/null 2>&1; then ansible-playbook playbooks/status.yml -i inventories/local; fi",
        "kubeconfig",
        "down --purge",
    ]


def test_the_parts_of_the_tests_are_the_ones_that_help_names() -> None:
    (line,) = [line for line in (TOP / "Makefile").read_text().splitlines() if line.startswith("test: ")]

    assert f"PART={'|'.join(stages.PARTS)}:" in line


def test_help_lists_every_target_below_a_heading() -> None:
    shown = subprocess.run(["make", "help"], cwd=TOP, capture_output=True, text=True, check=True).stdout
    groups = [block.splitlines() for block in shown.split("\n\n")]
    listed = [line.split()[1] for block in groups for line in block if line.startswith("  make ")]
    targets = {
        line.partition(":")[0]
        for line in (TOP / "Makefile").read_text().splitlines()
        if ": " in line and " ## " in line
    }
    assert len(groups) >= 4
    assert set(listed) == {name for name in targets if not name.startswith(("\t", "#"))}


def test_playbooks_are_listed_with_a_sentence_each() -> None:
    shown = subprocess.run(["make", "playbooks"], cwd=TOP, capture_output=True, text=True, check=True).stdout
    listed = [tuple(line.split(maxsplit=1)) for line in shown.splitlines()[1:]]
    assert listed == list(playbooks())


def test_help_fits_the_terminal_and_loses_no_word() -> None:
    def shown(errors: int = subprocess.DEVNULL) -> str:
        argv = ["make", "help"]
        return subprocess.run(argv, cwd=TOP, stdout=subprocess.PIPE, stderr=errors, text=True, check=True).stdout

    master, slave = pty.openpty()
    try:
        termios.tcsetwinsize(slave, (24, 80))
        narrow = shown(slave)
    finally:
        os.close(master)
        os.close(slave)
    assert max(len(line) for line in narrow.splitlines()) <= 80
    assert narrow.split() == shown().split()
