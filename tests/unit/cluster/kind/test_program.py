from __future__ import annotations

import pytest

from tests.cluster.engine import daemon
from tests.cluster.errors import ClusterError
from tests.cluster.kind.program import Program, find, usable

from .conftest import Fake

NO_DAEMON = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
NOT_ALLOWED = "Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"


def test_a_docker_command_without_a_daemon_is_no_engine(fake: Fake) -> None:
    fake("kind")
    fake("docker", error=NO_DAEMON, code=1)

    assert not usable()
    with pytest.raises(ClusterError, match=r"No container engine answers \(docker: Cannot connect .* podman: not inst"):
        find()


def test_the_first_that_answers_is_taken(fake: Fake) -> None:
    fake("kind")
    fake("docker", error=NO_DAEMON, code=1)
    fake("podman", out="host: {}")

    assert usable()
    assert find() == Program("podman")
    assert find().environment["KIND_EXPERIMENTAL_PROVIDER"] == "podman"


def test_of_several_that_answer_kind_s_own_variable_decides(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("docker", "podman", "nerdctl"):
        fake(name)
    assert find().name == "docker"

    monkeypatch.setenv("KIND_EXPERIMENTAL_PROVIDER", "nerdctl")
    assert find().name == "nerdctl"

    monkeypatch.setenv("KIND_EXPERIMENTAL_PROVIDER", "lxc")
    with pytest.raises(ClusterError, match="set it to docker, podman, nerdctl"):
        find()


def test_an_engine_for_root_only(fake: Fake) -> None:
    fake("docker", error=NOT_ALLOWED, code=1)

    with pytest.raises(ClusterError, match=r"root only here: add yourself to its group \(`sudo usermod -aG docker"):
        find()


def test_without_kind_nothing_is_usable(fake: Fake) -> None:
    fake("docker")

    assert not usable()


def test_the_engine_of_make_engine_is_taken_where_no_other_answers(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake("kind")
    fake("docker", error=NO_DAEMON, code=1)
    monkeypatch.setattr(daemon, "pid", lambda *_: 4711)
    monkeypatch.setattr(Program, "environment", property(lambda self: {"PATH": ""}))
    monkeypatch.setattr("tests.cluster.kind.program._ask", lambda program: "" if program.is_ours else NO_DAEMON)

    assert find().is_ours
    assert not usable(), "nobody has chosen it"


def test_a_failure_that_is_known_is_explained(fake: Fake) -> None:
    fake("kind", error="ERROR: write /var/lib/x: no space left on device", code=1)

    with pytest.raises(ClusterError, match=r"^`kind create cluster` failed: the container engine's disk is full: free"):
        Program("docker").kind("create", "cluster", "--name", "x")
