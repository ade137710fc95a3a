"""image_cleanup.yml reads the sets of all environments, or deletes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.playbooks.stubbed import Stubbed, inventory

NAME = "ghcr.io/todo-app/frontend"
SERVICE = {"service_role": "app_service", "app_service_chart": "oci://ghcr.io/acme/charts/any:1@sha256:" + "a" * 64}
GROUPS: dict[str, dict[str, Any]] = {
    "core_services": {
        "frontend": {**SERVICE, "app_service_own_values": {"image": f"{NAME}:v0.0.0"}},
        "redis": {**SERVICE, "app_service_own_values": {"image": "redis:8"}},
    }
}
DONE = {"deleted": [{"image": f"{NAME}@sha256:1"}], "kept": {NAME: 20}}
FROM = {"environment": "staging", "namespace": "todo-staging"}


def test_all_environments_are_named_before_anything_goes(tmp_path: Path) -> None:
    answers = {"todo.cloud.image_cleanup": DONE}
    with Stubbed(tmp_path) as stubbed:
        run = stubbed.run("image_cleanup", inventory(GROUPS), answers=answers)
        assert run.code != 0
        assert "nobody knows who else takes these images" in run.text, run.output
        assert run.modules() == []
        told = {
            "promote_from": FROM,
            "image_repository": "ghcr.io/todo-app",
            "promote_registries": [{"host": "ghcr.io"}],
            "image_cleanup_newest": 3,
        }
        run = stubbed.run("image_cleanup", inventory(GROUPS, **told), answers=answers)
        assert run.code == 0, run.output
        (asked,) = run.arguments("image_cleanup")
        assert (asked["images"], asked["others"], asked["newest"]) == ([NAME], [FROM], 3)
        assert asked["registries"] == [{"host": "ghcr.io"}], "the token that pushes deletes"
        assert "deleted 1, kept 20" in run.text
        run = stubbed.run("image_cleanup", inventory(GROUPS, **{**told, "image_repository": "x"}), answers=answers)
        assert "No service has an image below image_repository (x/)" in run.text
        assert run.modules() == []
        run = stubbed.run("image_cleanup", inventory(GROUPS, **{**told, "image_cleanup_others": []}), answers=answers)
        assert run.arguments("image_cleanup")[0]["others"] == []
