"""Wrong arguments are refused before anything is asked or changed, with a sentence that names the variable to set."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import ReleaseSpec

from tests.unit.ansible_runs import Ansible

ENVIRONMENT: dict[str, Any] = {"environment_name": "staging", "environment_namespace": "todo-staging"}
SERVICE: dict[str, Any] = {**ENVIRONMENT, "frontend_image": "ghcr.io/todo-app/frontend:v1.0.0"}
DAPR = {**ENVIRONMENT, "platform_manage": True}
BROKER = {**ENVIRONMENT, "redpanda_secrets_brokers": "kafka:9092"}

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "doks without kubeconfig": ("cluster", {"cluster_provider": "doks"}, "Set cluster_kubeconfig to its path"),
    "doks with a setting that is none": (
        "cluster",
        {"cluster_provider": "doks", "cluster_kubeconfig": "/nowhere", "cluster_doks": {"budgte": 60}},
        "cluster_doks has budgte, which is none of",
    ),
    "doks without a context": (
        "cluster",
        {"cluster_provider": "doks", "cluster_kubeconfig": "/nowhere/config"},
        "do-fra1-todo. Set cluster_context",
    ),
    "unknown provider": ("cluster", {"cluster_provider": "eks"}, "value of cluster_provider must be one of"),
    "local without kubeconfig": ("cluster", {"cluster_provider": "local"}, "Set cluster_kubeconfig to its path"),
    "kubeconfig missing": (
        "cluster",
        {"cluster_kubeconfig": "/nowhere/config"},
        "no kubeconfig /nowhere/config. Set cluster_kubeconfig",
    ),
    "local cluster missing": (
        "cluster",
        {"cluster_provider": "local", "cluster_kubeconfig": "/nowhere/config"},
        "Run: make up",
    ),
    "environment without a name": (
        "environment",
        {"environment_namespace": "x"},
        "missing required arguments: environment_name",
    ),
    "environment with a bad name": (
        "environment",
        {**ENVIRONMENT, "environment_name": "Staging!"},
        "Set environment_name",
    ),
    "image without a tag": (
        "frontend",
        {**SERVICE, "frontend_image": "ghcr.io/todo-app/frontend"},
        "Set frontend_image to a tag",
    ),
    "image with latest": (
        "frontend",
        {**SERVICE, "frontend_image": "ghcr.io/todo-app/frontend:latest"},
        "Set frontend_image to a tag",
    ),
    "image missing": ("frontend", ENVIRONMENT, "missing required arguments: frontend_image"),
    "image that is none": ("frontend", {**SERVICE, "frontend_image": "ghcr.io/Todo/frontend:v1"}, "lower-case words"),
    "unknown annotation": (
        "sse_gateway",
        {**ENVIRONMENT, "sse_gateway_image": "ghcr.io/a/b:v1", "app_service_sidecar_settings": {"log_levle": "debug"}},
        "did you mean 'log_level'?",
    ),
    "a token among plain variables": (
        "frontend",
        {**SERVICE, "frontend_values": {"env": {"API_TOKEN": "hunter2", "LEVEL": "debug"}}},
        "env.API_TOKEN looks like a credential",
    ),
    "a password in a url": (
        "frontend",
        {**SERVICE, "frontend_values": {"env": {"DATABASE_URL": "postgres://app:hunter2@db/app"}}},
        "env.DATABASE_URL looks like a credential",
    ),
    "values with an unknown variable": (
        "frontend",
        {**SERVICE, "frontend_values": {"env": {"LEVEL": "{{ no_such_variable }}"}}},
        "no_such_variable",
    ),
    "values that are no dictionary": ("frontend", {**SERVICE, "frontend_values": "replicas"}, "frontend_values"),
    "dapr_ha that is not a boolean": ("dapr", {**DAPR, "dapr_ha": "maybe"}, "argument 'dapr_ha' is of type str"),
    "dapr without a full version": ("dapr", {**DAPR, "dapr_chart_version": "1.18"}, "dapr_chart_version (1.18)"),
    "dapr chart by name": ("dapr", {**DAPR, "dapr_chart_ref": "dapr/dapr"}, "dapr_chart_ref (dapr/dapr)"),
    "dapr whose webhook would hold up the nodes": (
        "dapr",
        {
            **DAPR,
            "dapr_values": {
                "dapr_sidecar_injector": {
                    "namespaceSelector": {
                        "matchExpressions": [
                            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}
                        ]
                    }
                }
            },
        },
        "dapr_sidecar_injector.namespaceSelector must leave out dapr-system, whose pods must start",
    ),
    "dapr without mutual TLS": (
        "dapr",
        {**DAPR, "dapr_values": {"global": {"mtls": {"enabled": False}}}},
        "dapr_values turn mutual TLS off (global.mtls.enabled)",
    ),
    "platform_manage missing": ("kafka", ENVIRONMENT, "missing required arguments: platform_manage"),
    "broker without a port": (
        "redpanda_secrets",
        {**BROKER, "redpanda_secrets_brokers": "kafka"},
        "redpanda_secrets_brokers (kafka)",
    ),
    "broker with a wrong mechanism": (
        "redpanda_secrets",
        {**BROKER, "redpanda_secrets_mechanism": "GSSAPI"},
        "redpanda_secrets_mechanism must be one of",
    ),
    "namespace of Kubernetes": (
        "namespace",
        {
            "namespace_name": "kube-system",
            "namespace_owner_label": "todo.cloud/environment",
            "namespace_owner": "staging",
            "namespace_pod_security": "restricted",
        },
        "not one of Kubernetes' own",
    ),
    "database without TLS": (
        "database",
        {
            **ENVIRONMENT,
            "database_tls": "required",
            "environment_secrets": {"database": {"url": "postgresql://u:p@h/d"}},
        },
        "does not demand TLS, which database_tls requires",
    ),
}


@pytest.fixture(scope="module")
def ansible() -> Iterator[Ansible]:
    with Ansible(ANSIBLE_CALLBACK_RESULT_FORMAT="json") as ansible:
        yield ansible


@pytest.fixture(scope="module")
def refusals(ansible: Ansible, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each case fails with, all of them as hosts of one run."""
    folder = tmp_path_factory.mktemp("refused")
    hosts = {case.replace(" ", "-"): {**variables, "tried": role} for case, (role, variables, _) in REFUSED.items()}
    common = {"ansible_python_interpreter": sys.executable}
    play = {
        "name": "Roles", "hosts": "all", "gather_facts": False,
        "tasks": [{"name": "Role", "ansible.builtin.include_role": {"name": "todo.cloud.{{ tried }}"}}],
    }  # fmt: skip
    for name, content in {"hosts.yml": {"all": {"hosts": hosts, "vars": common}}, "play.yml": [play]}.items():
        (folder / name).write_text(yaml.safe_dump(content))
    run = ansible.playbook(folder / "play.yml", "-i", folder / "hosts.yml", "-c", "local", "-f", "20")
    assert "Traceback" not in run.stdout, run.stdout
    failed = re.findall(r"^fatal: \[(.+?)\]: FAILED! => ({.*})$", run.stdout, re.MULTILINE)
    return {host.replace("-", " "): " ".join(str(json.loads(result)["msg"]).split()) for host, result in failed}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, refusals: dict[str, str]) -> None:
    assert REFUSED[case][2] in refusals[case]


def test_a_service_is_described_without_any_cluster(ansible: Ansible, tmp_path: Path) -> None:
    run = ansible.role("frontend", tmp_path, **SERVICE)
    assert run.returncode == 0, run.stdout
    assert "changed=0" in run.stdout


FOREIGN: dict[str, Any] = {
    **ENVIRONMENT,
    "app_service_name": "redis",
    "app_service_own_values": {"architecture": "standalone"},
    "app_service_values": {"imagePullSecrets": ["registry"]},
}


def test_a_chart_that_is_not_ours_gets_only_what_is_meant_for_it(ansible: Ansible, tmp_path: Path) -> None:
    chart = "oci://ghcr.io/acme/charts/redis"
    written = tmp_path / "release.json"
    show = {
        "name": "What was described",
        "ansible.builtin.copy": {"dest": str(written), "content": "{{ release | to_json }}", "mode": "0600"},
    }
    run = ansible.role(
        "app_service", tmp_path, then=[show], **FOREIGN, app_service_chart=chart, app_service_chart_version="20.1.0"
    )
    assert run.returncode == 0, run.stdout
    release = json.loads(written.read_text())
    assert (release["chart"], release["chart_version"]) == (chart, "20.1.0")
    assert release["values"] == {"architecture": "standalone"}
    assert (release["watches"], release["app_id"]) == ([], None)
    ReleaseSpec.parse(release)  # release_apply takes it


def test_a_chart_that_is_fetched_needs_its_version(ansible: Ansible, tmp_path: Path) -> None:
    run = ansible.role("app_service", tmp_path, **FOREIGN, app_service_chart="oci://ghcr.io/acme/charts/redis")
    assert run.returncode != 0
    assert "Set app_service_chart_version" in " ".join(run.stdout.split())


def test_registries_are_prefixes_that_end_with_a_slash(ansible: Ansible, tmp_path: Path) -> None:
    """Else ghcr.io/acme would let ghcr.io/acme-evil in."""
    shown = {
        "name": "Shown",
        "ansible.builtin.debug": {"msg": "{{ environment_release['values'].admission.registries }}"},
    }
    run = ansible.role(
        "environment", tmp_path, "release", [shown], **ENVIRONMENT, environment_admission="deny",
        environment_registries=["ghcr.io/acme", "quay.io/x/"],
    )  # fmt: skip
    assert '"ghcr.io/acme/"' in run.stdout
    assert '"quay.io/x/"' in run.stdout
