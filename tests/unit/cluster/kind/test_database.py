from __future__ import annotations

import re
from typing import Any

import pytest

from tests.cluster.engine import daemon
from tests.cluster.kind import database
from tests.cluster.kind.program import Program
from tests.cluster.state import Cluster


def test_the_database_s_password_is_not_on_the_command_line() -> None:
    argv = database.arguments("local", "postgres:15")

    assert argv[:3] == ["run", "--detach", "--name"]
    assert argv[argv.index("POSTGRES_PASSWORD") - 1] == "--env"
    assert argv[argv.index("--network") : argv.index("--network") + 2] == ["--network", "kind"]


def test_the_published_image_is_pinned_by_digest_and_our_own_has_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.fullmatch(r"docker\.io/library/postgres:15@sha256:[0-9a-f]{64}", database.image(Program("docker")))
    assert database.image(Program("docker", daemon.host())) == database.POSTGRES


def test_a_database_that_ended_is_started_anew_with_its_password_and_its_data(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, ...]] = []
    running: dict[str, Any] = {
        "State": {"Running": True},
        "NetworkSettings": {"Networks": {"kind": {"IPAddress": "1.2.3.4"}}},
    }
    found: dict[str, Any] = {"State": {"Running": False}}

    def run(self: Program, *words: str, more: dict[str, str] | None = None) -> str:
        calls.append((*words[:2], *(more or {}).values()))
        if words[0] == "run":
            found.update(running)
        return ""

    monkeypatch.setattr(Program, "run", run)
    monkeypatch.setattr(Program, "inspect", lambda self, name: found)
    monkeypatch.setattr(Program, "there", lambda self, *words: True)
    before = Cluster("one", "kind", -1, "", "", "", "postgresql://todo:pass@unknown:5432/todo", "")

    after = database.start(before, Program("docker"))
    assert calls == [("rm", "--force"), ("run", "--detach", "pass")]
    assert (after.database_ip, after.database_url) == ("1.2.3.4", "postgresql://todo:pass@1.2.3.4:5432/todo")
    assert database.start(after, Program("docker")) == after
    assert len(calls) == 2, "one that runs is left as it is"
