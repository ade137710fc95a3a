"""Every inventory gives releases that the charts' schemas and Kubernetes' own accept, and that fit each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.table import allowed
from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import objects_of
from ansible_collections.todo.cloud.plugins.module_utils.readiness.selectors import matches
from kubernetes.utils.quantity import parse_quantity

from tests.cluster.build.parts import DAPR_CHART
from tests.unit.ansible_runs import TOP
from tests.unit.charts.rendering import Helm, built, conform
from tests.unit.inventories.conftest import CANARY, OWN, cluster_file
from tests.upstream_charts import unlimited

Rendered = Callable[[str], dict[str, Any]]

FOREIGN = ("dapr.io/", "traefik.io/")  # custom resources; the tests of the charts check them
WAVES = [
    ["dapr-components"],
    ["backend-api", "frontend"],
    ["recurring-task-service", "notification-service", "sse-gateway"],
]


def releases(described: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {release["name"]: release for wave in described["waves"] for release in wave}


def services(described: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: release["values"] for name, release in releases(described).items() if name != "dapr-components"}


def objects(described: dict[str, Any], helm: Helm) -> Iterator[dict[str, Any]]:
    """Everything that Helm would apply."""
    for name, release in releases(described).items():
        yield from helm.render(Path(release["chart"]).name, release["values"], name, release["namespace"])
    environment = described["environment"]
    yield from helm.render("environment", environment["values"], "environment", environment["namespace"])
    if "kafka" in described["platform"]["hosts"]:
        for item in helm.render("kafka", described["platform"]["kafka"], "kafka", "kafka"):
            yield {**item, "metadata": {"namespace": "kafka", **item["metadata"]}}


def test_everything_is_accepted_by_schema_and_kubernetes(described: dict[str, Any], helm: Helm) -> None:
    found = list(objects(described, helm))
    assert len(found) > 25
    conform(item for item in found if not item["apiVersion"].startswith(FOREIGN))


def test_releases_come_in_their_waves(described: dict[str, Any]) -> None:
    assert [[release["name"] for release in wave] for wave in described["waves"]] == WAVES
    assert described["all_releases"] == [name for wave in WAVES for name in wave]


def test_releases_live_in_the_environment(described: dict[str, Any]) -> None:
    environment = described["environment"]
    assert environment["namespace"] == f"todo-{environment['name']}"
    for release in releases(described).values():
        assert release["namespace"] == environment["namespace"]
        assert release["values"]["environment"] == environment["name"]


def test_no_secret_is_in_any_value(described: dict[str, Any]) -> None:
    values = {k: v for k, v in described.items() if k != "environment"} | {
        "environment": described["environment"]["values"]
    }
    assert CANARY in json.dumps(described), "the secrets reached the environment, else this test shows nothing"
    assert CANARY not in json.dumps(values)


def test_every_secret_that_is_referred_to_is_made(described: dict[str, Any]) -> None:
    environment = described["environment"]
    made = {name: set(keys) for name, keys in environment["secrets"].items()}
    for name, keys in environment["generated"].items():
        made.setdefault(name, set()).update(keys)
    for service, values in services(described).items():
        for variable, source in values.get("secretEnv", {}).items():
            assert source["key"] in made.get(source["secret"], set()), f"{service}: {variable}"
        assert set(values.get("dapr", {}).get("secretNames", [])) <= made.keys(), service
    for release in releases(described).values():
        watched = {watch["name"] for watch in release["watches"] if watch["kind"] == "Secret"}
        assert watched <= made.keys() | {"kafka-credentials"}


def test_services_are_let_in_where_they_may_go_out(described: dict[str, Any]) -> None:
    policies = {name: values["networkPolicy"] for name, values in services(described).items()}
    out = {(name, to) for name, policy in policies.items() for to in policy.get("egressTo", [])}
    into = {(origin, name) for name, policy in policies.items() for origin in policy.get("ingressFrom", [])}
    assert out == into


@pytest.mark.parametrize("name", OWN)
def test_the_todo_app_reaches_what_its_table_says(name: str, rendered: Rendered, helm: Helm) -> None:
    """Whoever changes what may be reached changes the table by hand, so that a review sees it."""
    described = rendered(name)
    namespace = described["environment"]["namespace"]
    expected = (TOP / f"tests/fixtures/connections/todo-{name}.txt").read_text().splitlines()
    found = [item for item in objects(described, helm) if item["metadata"].get("namespace", namespace) == namespace]
    assert [str(each) for each in allowed(found, namespace)] == expected


def test_exactly_the_frontend_is_public(described: dict[str, Any]) -> None:
    public = {
        name for name, values in services(described).items() if "public" in values["networkPolicy"].get("access", [])
    }
    exposed = {
        name
        for name, values in services(described).items()
        if values.get("exposure", {}).get("api", "none") != "none"
        or values.get("service", {}).get("type", "ClusterIP") != "ClusterIP"
    }
    assert public == exposed == {"frontend"}


def test_images_stay_the_same(described: dict[str, Any]) -> None:
    for service, values in services(described).items():
        assert values["image"] in (f"ghcr.io/todo-app/{service}:v1.0.0", f"ghcr.io/todo-app/{service}:sha-0123abc")


def test_sidecars_are_where_an_app_id_is(described: dict[str, Any]) -> None:
    for name, release in releases(described).items():
        annotations = release["values"].get("dapr", {}).get("annotations", {})
        assert (annotations.get("dapr.io/enabled") == "true") == bool(release["app_id"])
        if release["app_id"]:
            assert annotations["dapr.io/app-id"] == release["app_id"] == name
            assert len(release["values"]["podAnnotations"]["todo.cloud/components"]) == 40


def wanted(deployment: dict[str, Any], pods: int) -> dict[str, Decimal]:
    """What so many pods count against a quota, sidecars included."""
    template = deployment["spec"]["template"]
    total = {"pods": Decimal(pods)}
    annotations = template["metadata"].get("annotations", {})
    for kind in ("requests", "limits"):
        for what in ("cpu", "memory"):
            each = sum((parse_quantity(c["resources"][kind][what]) for c in template["spec"]["containers"]), Decimal())
            each += parse_quantity(annotations.get(f"dapr.io/sidecar-{what}-{kind[:-1]}", "0"))
            total[f"{kind}.{what}"] = each * pods
    return total


def test_the_quota_leaves_room_for_one_more_pod_of_each_service(described: dict[str, Any], helm: Helm) -> None:
    found = list(objects(described, helm))
    quota = next(o for o in found if o["kind"] == "ResourceQuota")["spec"]["hard"]
    most = {
        o["spec"]["scaleTargetRef"]["name"]: o["spec"]["maxReplicas"]
        for o in found
        if o["kind"] == "HorizontalPodAutoscaler"
    }
    sums: dict[str, Decimal] = {}
    for item in found:
        if item["kind"] == "Deployment":
            pods = most.get(item["metadata"]["name"]) or item["spec"]["replicas"]
            for what, amount in wanted(item, pods + 1).items():
                sums[what] = sums.get(what, Decimal()) + amount
    for what, amount in sums.items():
        assert amount <= parse_quantity(quota[what]), f"{what}: {amount} of {quota[what]}"


def test_the_local_dapr_renders(helm: Helm, rendered: Rendered) -> None:
    platform = rendered("local")["platform"]
    text = helm.run(
        "template",
        "dapr",
        str(built(DAPR_CHART.place)),
        "--namespace",
        "dapr-system",
        "--values",
        "-",
        stdin=json.dumps(platform["dapr"]),
    )
    assert f"ghcr.io/dapr/injector:{platform['dapr_version']}" in text
    assert list(unlimited(objects_of(text))) == []
    assert "secret-reader" not in text, "no account of namespace default may read Secrets because of Dapr"
    (hook,) = (o for o in objects_of(text) if o["kind"] == "MutatingWebhookConfiguration")
    (webhook,) = hook["webhooks"]
    assert webhook["failurePolicy"] == "Fail", "no pod without its sidecar"
    name = "kubernetes.io/metadata.name"
    for labels in ({name: "kube-system"}, {name: "dapr-system"}, {name: "kafka", "todo.cloud/platform-of": "local"}):
        assert not matches(webhook["namespaceSelector"], labels), "these start while the injector is down"
    assert matches(webhook["namespaceSelector"], {name: "todo-local", "todo.cloud/environment": "local"})


# --- what the environments are to each other ---


def test_a_public_host_uses_an_issuer_that_the_platform_makes(rendered: Rendered) -> None:
    made = rendered("production")["https"]
    assert made["ingress"]["values"]["service"]["annotations"], "the load balancer's"
    assert {issuer["acme"]["server"] for issuer in made["issuers"].values()} == {
        "https://acme-v02.api.letsencrypt.org/directory",
        "https://acme-staging-v02.api.letsencrypt.org/directory",
    }
    for name in ("staging", "production"):
        exposure = services(rendered(name))["frontend"]["exposure"]
        assert exposure["ingress"]["clusterIssuer"] in made["issuers"]


def test_exactly_one_environment_of_the_shared_cluster_manages_its_platform(rendered: Rendered) -> None:
    assert cluster_file("staging")["cluster_context"] == cluster_file("production")["cluster_context"]
    assert [rendered(name)["platform"]["manage"] for name in ("staging", "production")] == [False, True]
    assert rendered("staging")["platform"]["dapr_version"] == rendered("production")["platform"]["dapr_version"]


def test_staging_and_production_share_nothing_else(rendered: Rendered) -> None:
    staging, production = rendered("staging")["environment"], rendered("production")["environment"]
    assert staging["namespace"] != production["namespace"]
    assert staging["url"] != production["url"]


def test_what_happens_on_failure(rendered: Rendered) -> None:
    assert rendered("production")["on_failure"] == "set"
    assert rendered("staging")["on_failure"] == "hold"


def test_small_nodes_are_assumed(rendered: Rendered) -> None:
    for name in OWN:
        assert rendered(name)["platform"]["dapr"]["global"]["ha"]["enabled"] is False
