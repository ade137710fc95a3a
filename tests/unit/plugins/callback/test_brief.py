# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person sees of a run: real runs with stand-ins for modules, through a pipe and a terminal.

TODO_CLOUD_GOLDEN=write writes the expected texts (scenes/*.txt) anew: look at the difference.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.plugin_utils.brief import NAME
from ansible_collections.todo.cloud.plugins.plugin_utils.remedies import DOCS

from tests.support.environ import clean_environ
from tests.support.terminal import BRIEF, in_terminal, plain, timeless
from tests.unit.ansible_runs import TOP, Ansible

SCENES = Path(__file__).parent / "scenes"
PAGE = TOP / "docs/output.md"
PLACE = "a-container-ends-again-and-again"


@pytest.fixture(scope="module")
def ansible() -> Iterator[Ansible]:
    with Ansible(ANSIBLE_STDOUT_CALLBACK=NAME, CI="") as running:
        yield running


def arguments(scene: str) -> list[str]:
    return [str(SCENES / f"{scene}.yml"), "-i", str(SCENES / "hosts.yml")]


def expect(scene: str, text: str) -> None:
    golden = SCENES / f"{scene}.txt"
    if os.environ.get("TODO_CLOUD_GOLDEN") == "write":
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("scene", ["unchanged", "deploy", "plan", "blocked", "lock", "preflight", "unreachable", "odd"])
def test_scenes(scene: str, ansible: Ansible) -> None:
    expect(scene, timeless(ansible.playbook(*arguments(scene)).stdout))


def test_an_interrupted_run_says_that_it_is_not_over() -> None:
    env = {**clean_environ("TODO_"), **BRIEF, "NO_COLOR": "1"}
    command = [sys.executable, "-m", "ansible", "playbook", *arguments("interrupted")]
    with subprocess.Popen(command, cwd=TOP, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout
        said = "".join(run.stdout.readline() for _ in range(3))  # flushed line by line, also to a pipe
        run.send_signal(signal.SIGINT)
        said += run.stdout.readline()
        run.kill()  # Ansible may wait for a worker whose signal was lost
    expect("interrupted", timeless(said))


def test_a_terminal_gets_the_same_words_in_lines_that_fit() -> None:
    narrow = in_terminal(*arguments("deploy"), columns=100)
    assert "\x1b[0;31m" in narrow, "a failure is red"
    assert "\r" not in narrow
    text = timeless(plain(narrow)).strip("\n")
    assert [line for line in text.split("\n") if len(line) >= 100] == [f"{DOCS}/operations.md#{PLACE}"], "an address"
    shortened = (
        (SCENES / "deploy.txt").read_text().replace("; Quota, limits and network policies are there", " and 1 more")
    )
    assert text.split() == shortened.split(), "names of changes are counted; nothing else is cut"

    before, _fence, rest = PAGE.read_text().partition("```text\n")
    if os.environ.get("TODO_CLOUD_GOLDEN") == "write":
        PAGE.write_text(f"{before}```text\n{text}\n```{rest.partition('```')[2]}")
    assert text == PAGE.read_text().partition("```text\n")[2].partition("\n```")[0], "docs/output.md shows it"


@pytest.fixture(scope="module")
def default() -> Iterator[Ansible]:
    with Ansible(ANSIBLE_STDOUT_CALLBACK="default") as running:
        yield running


def test_in_ci_it_is_the_output_of_ansible(ansible: Ansible, default: Ansible) -> None:
    said, expected = (each.playbook(*arguments("unchanged"), CI="true").stdout for each in (ansible, default))
    assert said == expected
    assert "PLAY RECAP" in said
    assert said.endswith("\nOK: 3 unchanged; release set 7\n")


def test_without_the_settings_of_a_checkout_one_variable_is_enough(tmp_path: Path) -> None:
    path = str(TOP / "collections")
    with Ansible(tmp_path, ANSIBLE_COLLECTIONS_PATH=path, ANSIBLE_STDOUT_CALLBACK=NAME, CI="") as running:
        said = running.playbook(*arguments("unchanged")).stdout
    assert timeless(said) == (SCENES / "unchanged.txt").read_text()
    with Ansible(cwd=tmp_path, ANSIBLE_STDOUT_CALLBACK="ansible.posix.json", CI="") as running:
        assert "OK:" not in running.playbook(*arguments("unchanged")).stdout


def test_a_checkout_is_brief() -> None:
    settings = (TOP / "ansible.cfg").read_text()
    assert "\nstdout_callback = todo.cloud.brief\n" in settings


def test_listings_are_those_of_ansible(ansible: Ansible) -> None:
    assert (
        "Deploy and verify the environment\tTAGS: []" in ansible.playbook(*arguments("deploy"), "--list-tasks").stdout
    )
    assert "hosts (6):" in ansible.playbook(*arguments("unchanged"), "--list-hosts").stdout
