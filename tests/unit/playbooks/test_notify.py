"""notify.yml tells whose commit it was, which job failed, why and where; a receiver that is dead fails nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.receiver import Receiver
from tests.unit.ansible_runs import TOP, Ansible

JOB = {
    "GITHUB_JOB": "deploy", "GITHUB_REF_NAME": "main", "GITHUB_SHA": "0123456789abcdef",
    "GITHUB_ACTOR": "merge-bot", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "t/app",
    "GITHUB_RUN_ID": "7",
}  # fmt: skip
WHY = "api: container exits with code 1: <!channel> {{ 1 + 1 }} $(id) postgres://u:hunter2hunter2@db/x"


@pytest.fixture(scope="module")
def ansible() -> Iterator[Ansible]:
    with Ansible(TOP) as running:
        yield running


def told(ansible: Ansible, url: str, **env: str) -> str:
    done = ansible.playbook(
        TOP / "playbooks/notify.yml", **{**JOB, "TODO_NOTIFY_URL": url, "TODO_NOTIFY_WHY": WHY, **env}
    )
    assert done.returncode == 0, done.stdout
    assert not url or url not in done.stdout, "whoever has the address can send"
    return " ".join(done.stdout.split())


def test_what_is_sent(ansible: Ansible, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"head_commit": {"author": {"name": "Ada", "username": "ada"}}}))
    with Receiver().serving() as receiver:
        assert "Told." in told(ansible, receiver.url, GITHUB_EVENT_PATH=str(event))
        told(ansible, receiver.url, TODO_NOTIFY_WHY="")
        first, second = receiver.messages
    assert first == {
        "text": "deploy failed for main, commit 0123456789ab of ada\n"
        "api: container exits with code 1: &lt;!channel&gt; {{ 1 + 1 }} $(id) postgres://***@db/x\n"
        "https://github.com/t/app/actions/runs/7"
    }
    assert second["text"].splitlines()[0].endswith("of merge-bot")
    assert len(second["text"].splitlines()) == 2


def test_a_receiver_that_is_dead_fails_nothing(ansible: Ansible) -> None:
    with Receiver(status=500).serving() as receiver:
        assert "did not take the message (status 500): nobody was told." in told(ansible, receiver.url)
    assert "nobody was told" in told(ansible, receiver.url), "nothing listens any more"
    assert "TODO_NOTIFY_URL is not set: nobody was told." in told(ansible, "")
