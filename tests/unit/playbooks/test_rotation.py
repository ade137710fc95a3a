"""rotate_dapr_certificates.yml: services are restarted between the steps; the first that does not come back ends it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

STEP, RESTART = "todo.cloud.dapr_certificates", "todo.cloud.release_adjust"
GROUPS: dict[str, dict[str, None]] = {
    "environment": {"namespace": None}, "core_services": {"backend_api": None, "frontend": None},
}  # fmt: skip
TWO = ["backend-api", "frontend"]


@pytest.fixture(scope="module")
def stubbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubbed]:
    with Stubbed(tmp_path_factory.mktemp("rotation")) as found:
        yield found


def rotate(
    stubbed: Stubbed, step: dict[str, Any], *arguments: str, restart: dict[str, Any] | None = None, **variables: Any
) -> Run:
    answers = {STEP: {"state": "settled", "lines": [], "restart": [], "others": [], **step}, RESTART: restart or {}}
    return stubbed.run("rotate_dapr_certificates", inventory(GROUPS, **variables), *arguments, answers=answers)


def test_a_rotation_begins_once_and_is_then_continued(stubbed: Stubbed) -> None:
    run = rotate(stubbed, {"lines": ["Dapr's certificates: 300 days"]})
    assert run.code == 0, run.output
    assert [each["below_days"] for each in run.arguments("dapr_certificates")] == [60, 0, 0]
    assert run.arguments("dapr_certificates")[0]["all_releases"] == TWO
    assert "300 days" in run.text


def test_what_is_not_done_after_all_steps_is_named(stubbed: Stubbed) -> None:
    run = rotate(stubbed, {"state": "introduced", "restart": TWO, "others": ["x-1 in namespace other"]})
    assert run.code != 0
    assert [each["service"] for each in run.arguments("release_adjust")] == TWO * 3
    assert "not renewed yet (introduced)" in run.text
    assert "made again first: backend-api, frontend, x-1 in namespace other" in run.text


def test_a_service_that_does_not_come_back_is_the_last_that_is_restarted(stubbed: Stubbed) -> None:
    run = rotate(stubbed, {"state": "introduced", "restart": TWO}, restart={"failed": True, "msg": "it crashes"})
    assert run.code != 0
    assert run.modules() == ["dapr_certificates", "release_adjust"]


def test_check_mode_restarts_nothing(stubbed: Stubbed) -> None:
    run = rotate(stubbed, {"restart": TWO, "changed": True}, "--check", "-e", "dapr_rotate_below_days=400")
    assert run.code == 0, run.output
    assert [each["below_days"] for each in run.arguments("dapr_certificates")] == [400]
    assert run.arguments("release_adjust") == []
    assert "would restart backend-api, frontend" in run.text


def test_certificates_that_values_give_are_not_rotated(stubbed: Stubbed) -> None:
    values = {"dapr_sentry": {"tls": {"root": {"certPEM": "x"}}}}
    run = rotate(stubbed, {}, dapr_values=values)
    assert run.code != 0
    assert "dapr_values give Dapr its certificates (dapr_sentry.tls)" in run.text
    assert run.modules() == []
