"""Hosts whose releases have other names: every playbook that takes --limit goes by the release's name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.filter.input_digest import input_digest

from tests.unit.ansible_runs import TOP
from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

FOREIGN = {"service_role": "app_service", "app_service_chart": "oci://ghcr.io/acme/charts/redis:1@sha256:" + "a" * 64}
COMPONENTS: dict[str, Any] = {
    "service_role": "dapr_components",
    "dapr_components_values": {"configuration": {"tracing": {}}},
}
GROUPS: dict[str, Any] = {
    "environment": {"namespace": {}},
    "components": {"pubsub": COMPONENTS},
    "core_services": {"api": {"service_role": "backend_api"}, "frontend": {}},
    "event_services": {"queue": {**FOREIGN, "app_service_name": "redis-queue"}, "second_queue": FOREIGN},
}
NAMES = ["dapr-components", "backend-api", "frontend", "redis-queue", "second-queue"]
# What people set for all playbooks that write releases -> the modules' options.
OPTIONS = {
    "environment_name": "environment", "environment_namespace": "namespace", "cluster_id": "cluster_id",
    "release_registries": "registries", "release_timeout": "timeout", "helm_binary": "helm_binary",
    "release_lock_wait": "lock_wait", "release_lock_ttl": "lock_ttl", "dapr_namespace": "dapr_namespace",
}  # fmt: skip
SET = {
    "environment_name": "test", "environment_namespace": "todo-test", "cluster_id": "4711", "release_registries": [],
    "release_timeout": 77, "helm_binary": "/opt/helm", "release_lock_wait": 5, "release_lock_ttl": 33,
    "dapr_namespace": "dapr",
}  # fmt: skip
PROMOTED = {"set": {"id": 1, "commit": "", "time": "today"}, "images": [], "waves": ["as promoted"]}
ANSWERS = {
    "todo.cloud.release_promotion": {**PROMOTED, "tags": []},
    "todo.cloud.release_set_info": {"status": {}},
    "kubernetes.core.k8s_info": {"resources": []},
    # Of a chart with labels of its own; teardown.yml takes it for the environment's by what Helm wrote on it.
    "kubernetes.core.k8s_info StatefulSet": {
        "resources": [{"metadata": {"name": "redis", "annotations": {"meta.helm.sh/release-name": "redis-queue"}}}]
    },
    "kubernetes.core.k8s_info Namespace": {"resources": [{"metadata": {"labels": {"todo.cloud/environment": "test"}}}]},
}


def runtime() -> dict[str, Any]:
    return dict(yaml.safe_load((TOP / "meta/runtime.yml").read_text()))


def run(folder: Path, playbooks: str, *arguments: str, **variables: Any) -> Run:
    promote = {"promote_from": {"environment": "staging", "namespace": "todo-staging"}, **SET}
    with Stubbed(folder, roles=["redpanda_secrets"]) as stubbed:
        done = stubbed.run(playbooks, inventory(GROUPS, **promote, **variables), *arguments, answers=ANSWERS)
    assert done.code == 0, done.output
    return done


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All playbooks that take it, with --limit queue."""
    return run(tmp_path_factory.mktemp("limited"), "plan adopt services verify status rollback promote", "-l", "queue")


def test_images_change_only_by_a_promotion(limited: Run) -> None:
    _planned, deployed, promoted = (call["change_rules"] for call in limited.arguments("release_apply"))
    nothing = {"freeze": [], "emergency": "", "image_key": "", "unsigned": []}
    assert deployed == {"promoted_from": "staging", "promoted": None, **nothing}
    assert promoted == {**deployed, "promoted": []}
    (back,) = limited.arguments("release_rollback")
    assert back["change_rules"]["promoted_from"] == "staging"


def test_what_a_limit_leaves_out_is_known(limited: Run) -> None:
    for module, calls in {"release_apply": 3, "release_adopt": 1}.items():
        assert [call["all_releases"] for call in limited.arguments(module)] == [NAMES] * calls


def test_only_the_release_of_the_limit_is_deployed(limited: Run) -> None:
    waves = [call["waves"] for module in ("release_apply", "release_adopt") for call in limited.arguments(module)]
    *own, promoted, adopted = waves
    assert promoted == PROMOTED["waves"]
    assert [[[release["name"] for release in wave] for wave in each] for each in (*own, adopted)] == [
        [["redis-queue"]]
    ] * 3


def test_only_the_release_of_the_limit_goes_back(limited: Run) -> None:
    assert [call["names"] for call in limited.arguments("release_rollback")] == [["redis-queue"]]


def test_only_the_release_of_the_limit_is_verified(limited: Run) -> None:
    waited = [call["releases"] for call in limited.arguments("release_verify")]
    assert waited == [[{"name": "redis-queue", "app_id": None}]] * 2


@pytest.fixture(scope="module")
def unlimited(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(tmp_path_factory.mktemp("all"), "plan rollback teardown", "-e", "teardown_confirm=todo-test")


def test_roles_call_their_releases_by_the_same_names(unlimited: Run) -> None:
    (plan,) = unlimited.arguments("release_apply")
    assert [release["name"] for wave in plan["waves"] for release in wave] == plan["all_releases"] == NAMES


def test_pods_are_rolled_by_the_components_of_whatever_host(unlimited: Run) -> None:
    (plan,) = unlimited.arguments("release_apply")
    role = yaml.safe_load((TOP / "roles/app_service/vars/main.yml").read_text())
    content = role["_app_service_components_content"]
    chart = str(TOP / "charts/dapr-components")
    wanted = input_digest(chart, COMPONENTS["dapr_components_values"], content=content)
    assert plan["waves"][1][0]["values"]["podAnnotations"] == {"todo.cloud/components": wanted}


def test_everything_goes_back_and_is_removed_by_its_release_name(unlimited: Run) -> None:
    assert [call["names"] for call in unlimited.arguments("release_rollback")] == [[]]
    assert [call["name"] for call in unlimited.arguments("helm_release")] == [*reversed(NAMES), "environment"]


def test_what_is_set_for_all_reaches_every_module_on_releases(limited: Run) -> None:
    for module in runtime()["action_groups"]["releases"]:
        for call in limited.arguments(module):
            assert {name: call[option] for name, option in OPTIONS.items()} == SET, module


def test_modules_are_called_with_options_that_they_have(limited: Run, unlimited: Run) -> None:
    for call in (*limited.calls, *unlimited.calls):
        collection, _, module = call["module"].rpartition(".")
        if collection == "todo.cloud":
            spec = import_module(f"ansible_collections.todo.cloud.plugins.modules.{module}").SPEC
            assert set(call["args"]) <= set(spec), module


def test_pods_do_not_pull_with_the_token_that_pushes(tmp_path: Path) -> None:
    push = {"promote_registries": [{"host": "ghcr.io", "username": "u", "password": "same"}], **SET}
    source = {"promote_from": {"environment": "staging", "namespace": "todo-staging"}}
    hosts = inventory(GROUPS, **source, **push, environment_registry_password="same")
    with Stubbed(tmp_path, roles=["redpanda_secrets"]) as stubbed:
        done = stubbed.run("promote", hosts, answers=ANSWERS)
    assert done.code != 0
    assert "promote_registries pushes with the password that pods pull with" in done.text
    assert done.modules() == [], "nothing was even read"
