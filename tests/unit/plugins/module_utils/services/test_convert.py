"""Objects of a team become entries; what they cannot say is said."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.services.convert import Conversion, converted, referred_secrets
from ansible_collections.todo.cloud.plugins.module_utils.services.problems import app_problems, entry_problems

from .conversions import DEFAULTS, INGRESS, SERVICE, deployment, is_credential, item


def made(*objects: dict[str, Any]) -> Conversion:
    found = converted(objects, DEFAULTS, is_credential)
    assert app_problems(found.app) == []
    assert [one for name, entry in found.services.items() for one in entry_problems(name, entry)] == []
    return found


def test_a_deployment_with_its_service_and_ingress_is_one_entry() -> None:
    found = made(deployment({"livenessProbe": {"httpGet": {"path": "/live", "port": "web"}}}), SERVICE, INGRESS)
    assert found.services == {
        "web": {
            "image": "docker.io/acme/web:1", "port": 3000,
            "public": {"host": "web.example.com", "tls": "web-tls"},
            "health": "/live", "user": "image", "scale": 2,
            "resources": {"cpu": "100m-500m", "memory": "1Gi"},
            "values": {"security": {"readOnlyRoot": False}, "podLabels": {"team": "a"}},
        }
    }  # fmt: skip
    assert found.variables == {"ingress_class_name": "nginx"}


def test_what_no_entry_says_is_named() -> None:
    config = item("ConfigMap", "flags", data={"A": "1"})
    unsaid = made(deployment(), config, item("DaemonSet", "agent")).unsaid
    assert [line for line in unsaid if "ConfigMap flags" in line]
    assert [line for line in unsaid if "DaemonSet agent" in line]


def test_values_of_secrets_are_nowhere() -> None:
    secret = item("Secret", "db", stringData={"url": "s3cret-1"}, data={"other": "czNjcmV0"})
    env = [{"name": "API_TOKEN", "value": "s3cret-2"}, {"name": "A", "value": "b"}]
    found = made(deployment({"env": env}), SERVICE, secret)
    assert "s3cret" not in str(found)
    assert "czNjcmV0" not in str(found)
    assert found.secrets == {"web": ["API_TOKEN"], "db": ["other", "url"]}
    assert found.services["web"]["secrets"] == {"API_TOKEN": "web/API_TOKEN"}
    assert found.services["web"]["env"] == {"A": "b"}


def test_names_fit_and_are_different() -> None:
    other = deployment()
    other["metadata"]["name"] = "Shop_Web.v2"
    assert list(made(deployment(), other).services) == ["shop-web", "shop-web-v2"]


def test_an_image_without_a_tag_is_said() -> None:
    found = made(deployment({"image": "nginx"}))
    assert found.services["shop-web"]["image"] == "docker.io/library/nginx:latest"
    assert [line for line in found.unsaid if "has no tag" in line]


def test_secrets_that_entries_read() -> None:
    entry = {"secrets": {"A": "db/url"}, "env_from": [{"secret": "more"}, {"config": "x"}],
             "volumes": {"v": {"path": "/v", "secret": "tls"}}}  # fmt: skip
    assert referred_secrets({"web": entry}) == ["db", "more", "tls"]


WEB = {"matchLabels": {"app": "web"}}
HOOK = {"helm.sh/hook": "pre-upgrade,pre-install"}
OF_WEB = [
    SERVICE,
    INGRESS,
    item("NetworkPolicy", "web", spec={"podSelector": WEB, "egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]}),
    item("PodDisruptionBudget", "strict", spec={"selector": WEB, "minAvailable": 2}),
    item("HorizontalPodAutoscaler", "web", spec={
        "scaleTargetRef": {"kind": "Deployment", "name": "shop-web"}, "minReplicas": 2, "maxReplicas": 6,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 70}}}]}),
    item("ServiceMonitor", "web", spec={"selector": {}, "endpoints": []}),
    item("HTTPRoute", "web", spec={"rules": [{"backendRefs": [{"name": "web"}]}]}),
    {**item("Job", "migrate", spec={"template": {"spec": {"containers": [
        {"image": "acme/web:1", "command": ["up"]}]}}}), "metadata": {"name": "migrate", "annotations": HOOK}},
    {**item("Pod", "smoke"), "metadata": {"name": "smoke", "annotations": {"helm.sh/hook": "test"}}},
]  # fmt: skip
BESIDE = [
    item("NetworkPolicy", "deny", spec={"podSelector": {}}),
    item("PodDisruptionBudget", "all", spec={"selector": {"matchExpressions": []}}),
    item("CronJob", "nightly", spec={"schedule": "@daily", "jobTemplate": {"spec": {"template": {"spec": {
        "containers": [{"name": "nightly", "image": "acme/nightly:1"}]}}}}}),
    item("Secret", "db", data={"url": "eA=="}),
    *(item(kind, "x") for kind in (
        "ServiceAccount", "Namespace", "Role", "RoleBinding", "ClusterRole", "ConfigMap", "PersistentVolumeClaim",
        "Pod", "ReplicaSet", "DaemonSet", "ScaledObject", "Middleware", "ResourceQuota", "LimitRange", "PriorityClass",
        "StorageClass", "CustomResourceDefinition", "ValidatingWebhookConfiguration", "Endpoints", "Component", "Own",
    )),
]  # fmt: skip


@pytest.mark.parametrize("dropped", [*OF_WEB, *BESIDE], ids=lambda one: f"{one['kind']} {one['metadata']['name']}")
def test_no_object_is_dropped_in_silence(dropped: dict[str, Any]) -> None:
    """Without it something else is said: in an entry, in its variables, or of what no entry says."""
    everything = [deployment(), *OF_WEB, *BESIDE]
    assert made(*everything) != made(*(one for one in everything if one is not dropped))


def test_a_budget_that_is_rendered_anyway_is_not_named() -> None:
    budget = item("PodDisruptionBudget", "web", spec={"selector": WEB, "maxUnavailable": 1})
    assert made(deployment(), SERVICE, budget) == made(deployment(), SERVICE)


def test_services_that_call_each_other_are_told() -> None:
    other = deployment()
    other["metadata"]["name"] = "api"
    other["spec"]["template"]["metadata"]["labels"] = {"app": "api"}
    both = [{"podSelector": {"matchLabels": {"app": name}}} for name in ("web", "api")]
    policies = [
        item("NetworkPolicy", name, spec={"podSelector": {"matchLabels": {"app": name}}, "ingress": [{"from": both}]})
        for name in ("web", "api")
    ]
    assert (
        made(deployment(), SERVICE, other, *policies)
        .unsaid[-1]
        .startswith("services: web waits for api waits for web.")
    )
