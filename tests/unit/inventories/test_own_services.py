"""Own services from entry to object: what the roles describe of them, rendered by Helm."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.services.components import components

from tests.unit.ansible_runs import TOP, Ansible
from tests.unit.charts.rendering import Helm, conform

EXAMPLE = TOP / "examples/own-services"
FIVE = ("backend_api", "frontend", "recurring_task_service", "notification_service", "sse_gateway")
SIXTH: dict[str, Any] = {
    "services": {
        "audit-log": {
            "image": "ghcr.io/acme/audit-log:v1",
            "port": 9000,
            "health": "/up",
            "public": "audit.example.com",
            "calls": ["backend-api"],
            "secrets": {"KEY": "app/secret_key"},
            "dapr": {"app_id": "audit", "subscribes": ["task-events"], "state": True},
        },
        "mail": {
            "chart": "oci://ghcr.io/acme/mail",
            "chart_version": "1.0.0",
            "values": {"a": 1},
            "after": ["audit-log"],
        },
    },
}


@pytest.fixture(scope="module")
def ansible() -> Iterator[Ansible]:
    given = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "TODO_VERSION": "sha-0123abc", "TODO_DATABASE_URL": "x"}
    with Ansible(TOP, **given) as running:
        yield running


def described(ansible: Ansible, inventory: Path, **given: str) -> dict[str, Any]:
    run = ansible.playbook(TOP / "tests/unit/inventories/describe.yml", "-i", inventory, **given)
    assert run.returncode == 0, run.stdout[-4000:]
    assert "[WARNING]" not in run.stdout, run.stdout[:2000]
    printed = run.stdout.partition("TASK [Descriptions are printed]")[2].partition(" => ")[2]
    return dict(json.JSONDecoder().raw_decode(printed)[0]["msg"])


@pytest.fixture(scope="module")
def shop(ansible: Ansible) -> dict[str, Any]:
    return described(ansible, EXAMPLE / "inventories/local", SHOP_URL="http://10.0.0.1:30081")


@pytest.fixture(scope="module")
def todo(ansible: Ansible, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The Todo app and a sixth service: one entry."""
    inventory = staging(tmp_path_factory.mktemp("todo"))
    add_services(inventory, SIXTH["services"])
    return described(ansible, inventory, TODO_VERSION="sha-0123abc")


# What the Todo app's inventories said of its services before there were keys for it.
PUBLIC_BY_HAND = """
frontend_values:
  exposure:
    api: ingress
    host: "{{ environment_url | urlsplit('hostname') }}"
    annotations: "{{ ingress_annotations }}"
    ingress:
      className: "{{ ingress_class_name }}"
      tlsSecretName: frontend-tls
      clusterIssuer: letsencrypt-production
      traefikRedirect: "{{ ingress_traefik_redirect | todo.cloud.boolean('ingress_traefik_redirect') }}"
"""
_PACE = "scaleDownPolicies: [{type: Pods, value: 1, periodSeconds: 60}]"
SCALES_BY_HAND = {
    "staging": "{enabled: true, minReplicas: 1, maxReplicas: 2, targetCPUUtilizationPercentage: 80}",
    "production": f"{{enabled: true, minReplicas: 2, maxReplicas: 4, targetCPUUtilizationPercentage: 80, {_PACE}}}",
}


def staging(folder: Path, environment: str = "staging") -> Path:
    """A copy of staging's inventory, beside the file that all environments share."""
    shutil.copy(TOP / "inventories/app.yml", folder)
    shutil.copytree(TOP / "inventories" / environment, folder / environment)
    return folder / environment


def add_services(inventory: Path, services: dict[str, Any], **more: Any) -> None:
    """In place of those of the environment; one file says all."""
    here = inventory / "group_vars/all/services.yml"
    here.write_text(yaml.safe_dump({**yaml.safe_load(here.read_text()), "services": services, **more}))


def by_hand(folder: Path, environment: str = "staging") -> Path:
    """The same with hosts written by hand, as inventories were before there were entries."""
    inventory = staging(folder, environment)
    scale = f"autoscaling: {SCALES_BY_HAND[environment]}"
    public = PUBLIC_BY_HAND if environment == "staging" else f"{PUBLIC_BY_HAND.rstrip()}\n  {scale}\n"
    (inventory / "host_vars/frontend.yml").write_text(public)
    (inventory / "host_vars/backend_api.yml").write_text(f"backend_api_values:\n  {scale}\n")
    said = yaml.safe_load((inventory / "group_vars/all/services.yml").read_text())
    del said["services"]
    (inventory / "group_vars/all/services.yml").write_text(yaml.safe_dump(said))
    (inventory / "services.yml").unlink()
    hosts = yaml.safe_load((inventory / "hosts.yml").read_text())
    groups = {"core_services": FIVE[:2], "event_services": FIVE[2:]}
    hosts["all"]["children"] |= {name: {"hosts": dict.fromkeys(some)} for name, some in groups.items()}
    (inventory / "hosts.yml").write_text(yaml.safe_dump(hosts))
    images = {
        f"{one}_image": f"{{{{ image_repository }}}}/{one.replace('_', '-')}:{{{{ app_version }}}}" for one in FIVE
    }
    (inventory / "group_vars/all/images.yml").write_text(yaml.safe_dump(images))
    return inventory


def names(made: dict[str, Any]) -> list[list[str]]:
    return [[release["name"] for release in wave] for wave in made["waves"]]


def release(made: dict[str, Any], name: str) -> dict[str, Any]:
    return next(dict(release) for wave in made["waves"] for release in wave if release["name"] == name)


def objects(helm: Helm, one: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = helm.render(Path(one["chart"]).name, one["values"], one["name"], one["namespace"])
    conform(item for item in found if not item["apiVersion"].startswith(("dapr.io", "traefik.io")))
    return {item["kind"]: item for item in found}


def test_services_are_deployed_after_those_that_they_call(shop: dict[str, Any]) -> None:
    assert names(shop) == [["orders"], ["web"]]
    assert shop["known"] == ["orders", "web"]


def test_what_an_environment_says_goes_over_what_the_app_is(shop: dict[str, Any]) -> None:
    orders, web = release(shop, "orders"), release(shop, "web")
    assert orders["values"]["env"] == {"LOG_LEVEL": "debug"}
    assert orders["values"]["image"] == "ghcr.io/acme/orders:v1.0.0"
    assert orders["watches"] == [{"kind": "Secret", "name": "database"}]
    assert web["values"]["replicas"] == 1
    assert (orders["app_id"], web["app_id"]) == (None, None)
    assert shop["endpoint"]["url"] == "http://10.0.0.1:30081/ready"


def test_helm_and_kubernetes_take_what_is_rendered(shop: dict[str, Any], helm: Helm) -> None:
    orders, web = (objects(helm, release(shop, name)) for name in ("orders", "web"))
    assert orders["NetworkPolicy"]["spec"]["ingress"][0]["from"][0]["podSelector"]["matchExpressions"][0]["values"] == [
        "web"
    ]
    assert web["NetworkPolicy"]["spec"]["egress"][0]["to"][0]["podSelector"]["matchExpressions"][0]["values"] == [
        "orders"
    ]
    labels = [made["Deployment"]["spec"]["template"]["metadata"]["labels"] for made in (orders, web)]
    assert [[key for key in each if "access" in key] for each in labels] == [
        ["todo.cloud/access-database"],
        ["todo.cloud/access-public"],
    ]
    assert labels[0]["app.kubernetes.io/part-of"] == "shop"
    assert "annotations" not in orders["Deployment"]["spec"]["template"]["metadata"]


def test_a_sixth_service_comes_after_those_that_it_calls(todo: dict[str, Any]) -> None:
    assert names(todo)[-2:] == [
        ["recurring-task-service", "notification-service", "sse-gateway", "audit-log"],
        ["mail"],
    ]
    assert todo["known"][-2:] == ["audit-log", "mail"]
    assert len(todo["known"]) == 8


def test_it_is_let_in_where_it_calls(todo: dict[str, Any]) -> None:
    policy = release(todo, "backend-api")["values"]["networkPolicy"]
    assert policy["ingressFrom"] == ["audit-log", "frontend", "recurring-task-service", "sse-gateway"]
    assert policy["access"] == ["database", "broker"]


def test_dapr_knows_its_topics_and_its_pods_know_of_the_components(todo: dict[str, Any], helm: Helm) -> None:
    components, audit = release(todo, "dapr-components"), release(todo, "audit-log")
    assert components["values"]["pubsub"]["apps"] == {"audit": {"publishes": [], "subscribes": ["task-events"]}}
    assert components["values"]["statestore"]["apps"][-1] == "audit"
    assert audit["app_id"] == "audit"
    annotations = objects(helm, audit)["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert (annotations["dapr.io/app-id"], annotations["dapr.io/app-port"]) == ("audit", "9000")
    stamps = {
        release(todo, name)["values"]["podAnnotations"]["todo.cloud/components"]
        for name in ("backend-api", "audit-log")
    }
    assert len(stamps) == 1
    watched = {watch["name"] for watch in audit["watches"]}
    assert watched == {"app", "control-plane", "dapr-app-token", "database", "kafka-credentials"}


@pytest.fixture(scope="module")
def measured(ansible: Ansible, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The shop whose orders scale and have metrics."""
    shutil.copytree(EXAMPLE, shop := tmp_path_factory.mktemp("measured") / "shop")
    here = shop / "inventories/local/group_vars/all/services.yml"
    said = yaml.safe_load(here.read_text())
    said["services"]["orders"] |= {"scale": {"min": 2, "max": 30}, "metrics": {"port": "{{ 9000 + 100 }}"}}
    here.write_text(yaml.safe_dump(said))
    return described(ansible, shop / "inventories/local")


def test_the_quota_has_room_for_all_pods_at_their_most(measured: dict[str, Any]) -> None:
    assert measured["environment"]["quota"] == {"limits.cpu": "32"}  # 31 x 1 core, and web's 2 x 500m
    assert release(measured, "orders")["values"]["autoscaling"]["maxReplicas"] == 30


def test_its_port_and_path_are_followed(todo: dict[str, Any], helm: Helm) -> None:
    policies = todo["environment"]["networkPolicies"]
    assert policies["publicDoor"]["ports"] == ["http"], "each pod's own, not those of all services"
    assert policies["monitoring"]["ports"] == ["http", 9090]
    assert todo["endpoint"]["url"] == "https://staging.todo.example.com/health"
    made = objects(helm, release(todo, "audit-log"))
    assert made["Ingress"]["spec"]["rules"][0]["host"] == "audit.example.com"
    assert made["Ingress"]["spec"]["ingressClassName"] == "traefik"
    container = made["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert container["livenessProbe"]["httpGet"]["path"] == "/up"


def test_metrics_are_what_monitoring_reaches(measured: dict[str, Any], shop: dict[str, Any]) -> None:
    network = measured["environment"]["networkPolicies"]
    assert network["monitoring"]["ports"] == [9090]
    assert network["services"] == {"orders": {"pods": {"app.kubernetes.io/instance": "orders"}, "metrics": 9100}}
    assert release(measured, "orders")["values"]["podAnnotations"]["prometheus.io/port"] == "9100"
    namespace = {"namespace": release(measured, "web")["namespace"]}
    assert release(measured, "web") == release(shop, "web") | namespace


def test_any_chart_is_a_release_as_it_is(todo: dict[str, Any]) -> None:
    mail = release(todo, "mail")
    assert (mail["chart"], mail["chart_version"], mail["values"]) == ("oci://ghcr.io/acme/mail", "1.0.0", {"a": 1})


@pytest.fixture(scope="module")
def entries(ansible: Ansible, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The five services as entries that say their role and nothing else."""
    inventory = staging(tmp_path_factory.mktemp("entries"))
    app = yaml.safe_load((inventory.parent / "app.yml").read_text())
    app["services"] = {host.replace("_", "-"): {"role": host} for host in FIVE}
    (inventory.parent / "app.yml").write_text(yaml.safe_dump(app))
    return described(ansible, inventory, TODO_VERSION="sha-0123abc")


def test_the_five_are_the_same_releases_however_they_are_said(
    entries: dict[str, Any], ansible: Ansible, tmp_path: Path
) -> None:
    """Values and their order: an environment of hosts written by hand is unchanged once they are entries."""
    hand = described(ansible, by_hand(tmp_path), TODO_VERSION="sha-0123abc")
    for now in (entries, described(ansible, TOP / "inventories/staging", TODO_VERSION="sha-0123abc")):
        assert {name: release(now, name) for name in now["known"]} == {
            name: release(hand, name) for name in hand["known"]
        }
        assert (now["environment"], now["endpoint"]) == (hand["environment"], hand["endpoint"])
    assert [sorted(wave) for wave in names(now)] == [sorted(wave) for wave in names(hand)]


def test_replicas_and_public_endpoints_render_the_same_by_values_and_by_keys(
    ansible: Ansible, tmp_path: Path, helm: Helm
) -> None:
    given = {"TODO_VERSION": "sha-0123abc"}
    inventory = by_hand(tmp_path, "production")
    made = [described(ansible, one, **given) for one in (TOP / "inventories/production", inventory)]
    for name in ("backend-api", "frontend"):
        now, before = (objects(helm, release(one, name)) for one in made)
        assert now == before
    assert "HorizontalPodAutoscaler" in objects(helm, release(made[0], "backend-api"))
    assert "Ingress" in now


def test_hosts_written_by_hand_and_entries_go_together(ansible: Ansible, tmp_path: Path) -> None:
    inventory = by_hand(tmp_path)
    (inventory / "services.yml").write_text("plugin: todo.cloud.services\n")
    add_services(inventory, SIXTH["services"])
    mixed = described(ansible, inventory, TODO_VERSION="sha-0123abc")
    assert names(mixed)[-2:] == [["audit-log"], ["mail"]]
    assert release(mixed, "backend-api")["values"]["networkPolicy"] == {
        "ingressFrom": ["frontend", "recurring-task-service", "sse-gateway", "audit-log"],
        "access": ["database", "broker"],
    }
    assert release(mixed, "dapr-components")["values"]["pubsub"]["apps"].keys() == {"audit"}


def test_their_order_follows_from_what_they_call(entries: dict[str, Any]) -> None:
    assert [sorted(wave) for wave in names(entries)] == [
        ["dapr-components"],
        ["backend-api", "notification-service"],
        ["recurring-task-service", "sse-gateway"],
        ["frontend"],
    ]


def test_dapr_knows_the_services_of_another_app_only(helm: Helm) -> None:
    """The chart's own apps are taken out, and with them components that nobody uses."""
    defaults = yaml.safe_load((TOP / "charts/dapr-components/values.yaml").read_text())
    cart = {"dapr": {"state": True, "publishes": ["orders"]}}
    made = components({"cart": cart}, defaults, [])
    found = helm.render("dapr-components", {"environment": "test", **made}, "dapr-components", "shop")
    scopes = {item["metadata"]["name"]: item["scopes"] for item in found if item["kind"] == "Component"}
    assert scopes == {"pubsub": ["cart"], "statestore": ["cart"]}


SHAPES: dict[str, Any] = {
    "next": {
        "port": 3000, "user": 1001, "writable": ["/app/.next/cache"], "health": "/api/health", "calls": ["api"],
        "public": [{"host": "shop.example.com", "paths": ["/", "/docs"]}, "www.example.com"],
    },
    "api": {
        "user": "image", "env_from": [{"secret": "backend"}, {"config": "flags"}], "internet": ["api.example.com"],
        "health": {"tcp": 8080}, "volumes": {"settings": {"path": "/etc/app", "config": "settings"}},
    },
    "worker": {"image": "api", "command": ["python", "-m", "worker"], "port": "none", "dapr": True, "after": ["api"]},
    "cleanup": {"image": "api", "kind": "cronjob", "schedule": "0 3 * * *", "args": ["cleanup"], "port": "none"},
    "cache": {"kind": "statefulset", "port": 6379, "volumes": {"data": {"path": "/data", "size": "1Gi"}},
              "health": {"command": ["ping"]}},
}  # fmt: skip


@pytest.fixture(scope="module")
def shapes(ansible: Ansible, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    inventory = tmp_path_factory.mktemp("shapes") / "staging"
    shutil.copytree(TOP / "inventories/staging", inventory)
    (inventory / "services.yml").write_text("plugin: todo.cloud.services\n")
    add_services(inventory, SHAPES, app={"registry": "ghcr.io/acme", "version": "v1"})
    return described(ansible, inventory, TODO_VERSION="sha-0123abc")


def workload(helm: Helm, made: dict[str, Any], name: str) -> tuple[str, dict[str, Any]]:
    """Kind and pod template of a service."""
    found = objects(helm, release(made, name))
    kind = next(kind for kind in ("Deployment", "StatefulSet", "CronJob") if kind in found)
    spec = found[kind]["spec"]
    return kind, (spec["jobTemplate"]["spec"] if kind == "CronJob" else spec)["template"]["spec"]


def test_every_shape_is_rendered(shapes: dict[str, Any], helm: Helm) -> None:
    kinds = {name: workload(helm, shapes, name)[0] for name in SHAPES}
    assert kinds == {
        "next": "Deployment", "api": "Deployment", "worker": "Deployment", "cleanup": "CronJob", "cache": "StatefulSet",
    }  # fmt: skip


def test_pods_are_as_the_entries_say(shapes: dict[str, Any], helm: Helm) -> None:
    pods = {name: workload(helm, shapes, name)[1] for name in SHAPES}
    containers = {name: pod["containers"][0] for name, pod in pods.items()}
    assert pods["next"]["securityContext"]["runAsUser"] == 1001
    assert "runAsUser" not in pods["api"]["securityContext"]
    assert {mount["mountPath"] for mount in containers["next"]["volumeMounts"]} == {"/tmp", "/app/.next/cache"}
    assert containers["worker"]["command"] == ["python", "-m", "worker"]
    assert "ports" not in containers["worker"]
    assert "livenessProbe" not in containers["worker"]
    assert containers["api"]["readinessProbe"]["tcpSocket"] == {"port": 8080}
    assert [next(iter(source)) for source in containers["api"]["envFrom"]] == ["secretRef", "configMapRef"]
    assert {watch["name"] for watch in release(shapes, "api")["watches"]} == {"backend", "flags", "settings"}


def test_connections_are_those_that_are_said(shapes: dict[str, Any], helm: Helm) -> None:
    policies = {name: objects(helm, release(shapes, name))["NetworkPolicy"]["spec"] for name in SHAPES}
    assert {name: sorted({"ingress", "egress"} & set(policy)) for name, policy in policies.items()} == {
        "next": ["egress"], "api": ["egress", "ingress"], "worker": [], "cleanup": [], "cache": [],
    }  # fmt: skip
    (outside,) = policies["api"]["egress"]
    assert outside["ports"] == [{"protocol": "TCP", "port": 443}]
    rules = objects(helm, release(shapes, "next"))["Ingress"]["spec"]["rules"]
    assert [(rule["host"], [path["path"] for path in rule["http"]["paths"]]) for rule in rules] == [
        ("shop.example.com", ["/", "/docs"]),
        ("www.example.com", ["/"]),
    ]
