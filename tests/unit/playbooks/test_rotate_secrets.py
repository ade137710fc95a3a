"""playbooks/rotate_secrets.yml: what it refuses before anything is written, and what it writes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

GROUPS: dict[str, dict[str, Any]] = {
    "environment": {"namespace": {}},
    "core_services": {"backend_api": {}, "frontend": {}},
}
FREE = {"held": False, "expired": False, "holder": {}}
PLAN: dict[str, Any] = {"plan": [], "table": [], "notes": []}


@pytest.fixture(scope="module")
def stubbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubbed]:
    with Stubbed(tmp_path_factory.mktemp("rotate")) as found:
        yield found


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def rotated(stubbed: Stubbed, *arguments: str, secrets: Any = None, **answers: Any) -> Run:
    there = {"metadata": {"name": "app"}, "data": {"secret_key": coded("kept"), "service_token": coded("old")}}
    given = {
        "todo.cloud.deploy_lock": FREE,
        "todo.cloud.release_apply": PLAN,
        "kubernetes.core.k8s_info": {"resources": [there]},
        **{f"todo.cloud.{name}": answer for name, answer in answers.items()},
    }
    hosts = inventory(
        GROUPS,
        environment_secrets=secrets or {},
        environment_secrets_generated={"app": ["secret_key", "service_token"]},
    )
    return stubbed.run("rotate_secrets", hosts, *arguments, answers=given)


APP = ("-e", "secret=app")
TOKEN = (*APP, "-e", "key=service_token")
BUSY = {"held": True, "expired": False, "holder": {"description": "a deployment of eve"}}
OTHER = {"name": "backend-api", "kind": "change", "why": "", "changes": ["Secret/app", "image a -> b"]}
REFUSED: list[tuple[tuple[str, ...], dict[str, Any], str]] = [
    ((), {}, "Say which Secret: -e secret=app."),
    ((*APP, "-e", "key=nope"), {}, "Of Secret app these are not generated: nope (environment_secrets_generated)."),
    (("-e", "secret=database"), {}, "Of Secret database these are not generated: all keys"),
    (TOKEN, {"secrets": {"app": {"service_token": "mine"}}}, "which would bring the old value back: service_token."),
    (TOKEN, {"deploy_lock": BUSY}, "todo-test is locked by a deployment of eve: nothing was changed"),
    (TOKEN, {"release_apply": {**PLAN, "plan": [OTHER]}}, "other changes too (backend-api: Secret/app, image a -> b)"),
]


@pytest.mark.parametrize(("arguments", "answers", "told"), REFUSED)
def test_what_is_refused(stubbed: Stubbed, arguments: tuple[str, ...], answers: dict[str, Any], told: str) -> None:
    run = rotated(stubbed, *arguments, **answers)
    assert run.code != 0, run.output
    assert told in run.text
    assert "k8s" not in run.modules()
    assert [call["check"] for call in run.calls if call["module"].endswith("release_apply")] in ([], [True])


def test_one_key_gets_a_new_value_and_its_readers_are_named(stubbed: Stubbed) -> None:
    unfinished = {**PLAN, "plan": [{"name": "backend-api", "kind": "change", "why": "", "changes": ["Secret/app"]}]}
    run = rotated(stubbed, *TOKEN, release_apply=unfinished)
    assert run.code == 0, run.output
    (written,) = [call["args"]["definition"] for call in run.calls if call["module"] == "kubernetes.core.k8s"]
    (secret,) = written
    assert secret["data"]["secret_key"] == coded("kept")
    made = base64.b64decode(secret["data"]["service_token"]).decode()
    assert len(made) == 48
    assert made not in run.output
    assert "service_token of Secret app: new values, read by backend-api" in run.text
    modules = [name for name in run.modules() if name in ("release_apply", "k8s")]
    assert modules == ["release_apply", "k8s", "release_apply"]


def test_check_mode_says_what_would_happen(stubbed: Stubbed) -> None:
    run = rotated(stubbed, *APP, "--check")
    assert run.code == 0, run.output
    assert "secret_key, service_token of Secret app: would get new values, read by backend-api" in run.text
    assert all(call["check"] for call in run.calls if call["module"].endswith((".k8s", "release_apply")))
