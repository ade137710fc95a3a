"""Everything that stands in the way of a set, told in one run before the first write; a real API server says it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    NAMESPACE,
    POD,
    RESOURCE_QUOTA,
    SERVICE_ACCOUNT,
    WELL_KNOWN,
    Resource,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.cluster.paths import TOP
from tests.integration.releases.world import World
from tests.integration.support import BUSYBOX, eventually

ROLE = WELL_KNOWN["rbac.authorization.k8s.io/v1", "Role"]
SMALL: dict[str, Any] = {"resources": {"requests": {"cpu": "10m"}}}
CHART = str(TOP / "tests" / "fixtures" / "charts" / "objects")


def release(world: World, name: str, *objects: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "namespace": world.namespace, "chart": CHART, "values": {"objects": list(objects)}}


def deployment(name: str, *, container: dict[str, Any] | None = None, **pod: Any) -> dict[str, Any]:
    labels = {"app": name}
    app = {"name": "app", "image": BUSYBOX, "command": ["sleep", "1000"], **(container or {})}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels},
                 "template": {"metadata": {"labels": labels}, "spec": {"containers": [app], **pod}}},
    }  # fmt: skip


def job(name: str, text: str) -> dict[str, Any]:
    container = {"name": "app", "image": BUSYBOX, "command": ["echo", text], **SMALL}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template}}


def ingress(name: str, host: str) -> dict[str, Any]:
    backend = {"service": {"name": "x", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name},
            "spec": {"rules": [{"host": host, "http": {"paths": [path]}}]}}  # fmt: skip


def may_list(kube: KubeSession, namespace: str) -> bool:
    """A Role and its binding count a moment after they were written."""
    with suppress(Forbidden):
        kube.list_(POD, namespace)
        return True
    return False


def test_a_broken_set_is_told_in_one_run(world: World) -> None:
    world.secret("database", {"user": "x"})
    world.apply(release(world, "migrate", job("migrate", "one"))).ok()
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}}
    world.kube.patch(NAMESPACE, "", world.namespace, label)
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"requests.cpu": "500m"}}}
    world.kube.create(RESOURCE_QUOTA, world.namespace, {"apiVersion": "v1", "kind": "ResourceQuota", **quota})
    eventually("the quota counts", lambda: world.kube.get(RESOURCE_QUOTA, world.namespace, "few").get("status"))
    key = {"name": "URL", "valueFrom": {"secretKeyRef": {"name": "database", "key": "url"}}}
    none = {"envFrom": [{"secretRef": {"name": "none"}}]}
    big: dict[str, Any] = {"resources": {"requests": {"cpu": "2"}}}
    before = world.fingerprint()
    failed = world.apply(
        release(world, "migrate", job("migrate", "two")),
        release(world, "keyless", deployment("keyless", container={**SMALL, "env": [key]})),
        release(world, "secretless", deployment("secretless", container={**SMALL, **none})),
        release(world, "nobody", deployment("nobody", container=SMALL, serviceAccountName="robot")),
        release(world, "on-host", deployment("on-host", container=SMALL, hostNetwork=True)),
        release(world, "greedy", deployment("greedy", container=big)),
        release(world, "one-host", ingress("one-host", "todo.example")),
        release(world, "same-host", ingress("same-host", "todo.example")),
    )  # fmt: skip
    assert failed.code == "preflight_failed"
    problems = failed.result["failures"][0]["details"]["problems"]
    assert sorted((problem["release"], problem["code"]) for problem in problems) == sorted(
        {
            ("migrate", "immutable_field"),
            ("keyless", "config_missing"),
            ("secretless", "config_missing"),
            ("nobody", "service_account_missing"),
            ("on-host", "admission_denied"),
            ("greedy", "quota_exceeded"),
            ("same-host", "conflict"),
        }
    )
    assert world.fingerprint() == before
    assert set(failed.outcomes.values()) == {"kept"}


def test_what_a_release_brings_along_is_not_missed(world: World) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "own"}, "stringData": {"url": "x"}}
    needs = {"envFrom": [{"secretRef": {"name": "own"}}]}
    pods = deployment("api", container=needs, serviceAccountName="robot", terminationGracePeriodSeconds=0)
    world.apply(release(world, "api", account, secret, pods)).ok()


def test_rights_are_asked_for_before_they_are_needed(world: World, tmp_path: Path) -> None:
    """An account that may write what it deploys, but neither take the lock nor remove anything."""
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "limited"}, "rules": [
        {"apiGroups": ["", "apps"], "resources": ["*"], "verbs": ["get", "list", "watch", "create", "update", "patch"]},
    ]}  # fmt: skip
    world.kube.create(ROLE, world.namespace, role)
    world.kube.create(SERVICE_ACCOUNT, world.namespace, {"metadata": {"name": "limited"}})
    subject = {"kind": "ServiceAccount", "name": "limited", "namespace": world.namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "limited"}
    binding = {"metadata": {"name": "limited"}, "subjects": [subject], "roleRef": reference}
    world.kube.create(WELL_KNOWN["rbac.authorization.k8s.io/v1", "RoleBinding"], world.namespace, binding)
    requested = Resource("v1", "TokenRequest", "serviceaccounts/limited/token")
    token = world.kube.create(requested, world.namespace, {"spec": {}})["status"]["token"]
    config = world.kube.kubeconfig()
    limited = tmp_path / "kubeconfig"
    limited.write_text(json.dumps({**config, "users": [{**config["users"][0], "user": {"token": token}}]}))
    with KubeSession.from_params({"kubeconfig": str(limited)}) as robot:
        eventually("its rights count", lambda: may_list(robot, world.namespace))
    planned = replace(world, kubeconfig=str(limited)).apply(release(world, "api", deployment("api")), check=True).ok()
    found = {(problem["release"], problem["message"], problem["certain"]) for problem in planned.result["preflight"]}
    where = f"in namespace {world.namespace}"
    assert found == {
        ("test", f"the credentials may not get, create and update leases.coordination.k8s.io {where}", True),
        ("test", f"the credentials may not delete secrets {where}", False),
        ("test", f"the credentials may not delete configmaps {where}", False),
        ("api", f"the credentials may not delete deployments.apps {where}", False),
    }


def test_ports_and_classes_that_the_cluster_knows_are_named(world: World) -> None:
    def service(name: str) -> dict[str, Any]:
        ports = [{"port": 80, "nodePort": 30061}]  # of the band from which the API server deals none by itself
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                "spec": {"type": "NodePort", "selector": {"app": name}, "ports": ports}}  # fmt: skip

    world.apply(release(world, "first", service("first"))).ok()
    failed = world.apply(
        release(world, "first", service("first")),
        release(world, "second", service("second")),
        release(world, "urgent", deployment("urgent", container=SMALL, priorityClassName="urgent")),
        release(world, "boxed", deployment("boxed", container=SMALL, runtimeClassName="boxed")),
    )
    problems = failed.result["failures"][0]["details"]["problems"]
    assert sorted((problem["release"], problem["code"]) for problem in problems) == [
        ("boxed", "not_found"), ("second", "conflict"), ("urgent", "not_found"),
    ]  # fmt: skip
    assert "Service first in namespace" in failed.message
