"""Playbooks as people call them: switches by -e, which makes text of everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

GROUPS: dict[str, dict[str, Any]] = {
    "environment": {"namespace": {}},
    "platform": {"dapr": {}, "kafka": {}},
    "components": {"dapr_components": {}},
    "core_services": {"backend_api": {}},
}
OFF = {
    "platform_manage": "false", "dapr_ha": "no", "redpanda_secrets_tls": "0", "app_service_sidecar": "false",
    "release_watch_door": "false", "release_prune": "no", "environment_validate_certs": "off",
}  # fmt: skip
URL = "https://todo.example.com"


def test_off_is_off(tmp_path: Path) -> None:
    extra = [argument for name, text in OFF.items() for argument in ("-e", f"{name}={text}")]
    with Stubbed(tmp_path, roles=["dapr"]) as stubbed:
        run = stubbed.run("environment platform services", inventory(GROUPS, environment_url=URL), *extra)
    assert run.code == 0, run.output
    (applied,) = run.arguments("release_apply")
    assert applied["prune"] is False
    assert [wave[0]["app_id"] for wave in applied["waves"]] == [None, None]
    assert run.arguments("environment_info")[0]["claims"]["platform"] is False
    assert [call["name"] for call in run.arguments("helm_release")] == ["environment"], "the broker is only checked"
    assert applied["probe"] is False
    assert applied["endpoint"]["validate_certs"] is False


def test_what_is_not_a_boolean_is_refused_by_name(tmp_path: Path) -> None:
    with Stubbed(tmp_path) as stubbed:
        run = stubbed.run("services", inventory(GROUPS, environment_url=URL), "-e", "release_prune=perhaps")
    assert run.code != 0, run.output
    assert "release_prune ('perhaps') is not a boolean: set it to true or false." in run.text
    assert "release_apply" not in run.modules()


RUN: dict[str, dict[str, Any]] = {"environment": {"namespace": {}}, "core_services": {"backend_api": {}}}


def ran(folder: Path, command: str) -> Run:
    """playbooks/run.yml with a command as it is typed."""
    answers = {"todo.cloud.release_run": {"output": ["done"], "image": "i"}}
    with Stubbed(folder) as stubbed:
        return stubbed.run("run", inventory(RUN), "-e", "service=backend-api", "-e", command, answers=answers)


def test_all_words_of_a_command_arrive(tmp_path: Path) -> None:
    (call,) = ran(tmp_path, 'command="python manage.py check --level=3"').arguments("release_run")
    assert call["command"] == "python manage.py check --level=3"


@pytest.mark.parametrize("words", ["python manage.py check", "python --level=3"])
def test_a_command_of_which_one_word_arrives_is_not_run(words: str, tmp_path: Path) -> None:
    """Ansible takes what stands between blanks for variables of their own."""
    run = ran(tmp_path, f"command={words}")
    assert (run.code, run.modules()) == (2, [])
    assert """Only 'python' of the command arrived. Quote it inside too: -e 'command="python manage.py check"'.""" in (
        run.text
    )


def test_a_number_of_pods_is_a_number(tmp_path: Path) -> None:
    with Stubbed(tmp_path) as stubbed:
        run = stubbed.run("scale", inventory(RUN), "-e", "service=backend-api", "-e", "replicas=many")
    assert (run.code, run.modules()) == (2, [])
    assert "Say which one, and how many: -e service=backend-api -e replicas=4." in run.text
