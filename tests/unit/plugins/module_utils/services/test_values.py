"""What follows from an entry: values that charts/service takes, policies of both ends, watches, scopes."""

from __future__ import annotations

import random
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.services.layers import merged
from ansible_collections.todo.cloud.plugins.module_utils.services.problems import entry_problems
from ansible_collections.todo.cloud.plugins.module_utils.services.spec import ENTRY, OF_OWN_CHART
from ansible_collections.todo.cloud.plugins.module_utils.services.values import (
    chart_values,
    connections_of,
    dapr_of,
    facts,
    image_of,
    role_facts,
    watches_of,
)
from jsonschema import Draft7Validator

from tests.unit.ansible_runs import TOP
from tests.unit.plugins.module_utils.services.test_workload import FOLLOWS as WORKLOADS

APP = {"name": "shop", "registry": "ghcr.io/acme", "version": "v1", "pull_secret": "registry"}
TLS = {"class_name": "traefik", "cluster_issuer": "letsencrypt", "annotations": {"a": "b"}, "traefik_redirect": True}
REQUIRED = {
    "image": "ghcr.io/acme/web:v1",
    "partOf": "shop",
    "imagePullSecrets": ["registry"],
    "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"cpu": "500m", "memory": "192Mi"}},
}
FOLLOWS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"image": "other"}, {"image": "ghcr.io/acme/other:v1"}),
    ({"image": "docker.io/library/x:2"}, {"image": "docker.io/library/x:2"}),
    ({"metrics": "/prom", "port": 3000}, {
        "port": 3000,
        "podAnnotations": {
            "prometheus.io/scrape": "true", "prometheus.io/port": "3000", "prometheus.io/path": "/prom",
        },
    }),
    ({"metrics": 9100}, {"podAnnotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9100"}}),
    ({"metrics": {}}, {"podAnnotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}}),
    ({"port": 80, "user": 0, "values": {"security": {"readOnlyRoot": False}, "service": {"type": "LoadBalancer"}}},
     {"port": 80, "security": {"user": 0, "readOnlyRoot": False}, "service": {"type": "LoadBalancer"}}),
    ({"writable": ["/cache"], "values": {"writable": {"/tmp": None}}}, {"writable": {"/cache": "", "/tmp": None}}),
    ({"port": "none", "dapr": True}, {"port": 0, "dapr": {"annotations": {"app_port": None}}}),
    ({"public": {"node_port": 30080}}, {"service": {"type": "NodePort", "nodePort": 30080}}),
    ({"dapr": True}, {}),
    ({"dapr": {"app_id": "shop-web", "secrets": ["app"]}, "port": 3000},
     {"port": 3000, "dapr": {"annotations": {"app_id": "shop-web", "app_port": 3000}, "secretNames": ["app"]}}),
    ({"dapr": {"port": 3001, "sidecar": {"log_level": "debug"}}, "port": 3000},
     {"port": 3000, "dapr": {"annotations": {"app_port": 3001, "log_level": "debug"}}}),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "values"), FOLLOWS, ids=[str(entry) for entry, _ in FOLLOWS])
def test_an_entry_becomes_values(entry: dict[str, Any], values: dict[str, Any]) -> None:
    assert chart_values("web", entry, APP, {}) == REQUIRED | values


def test_what_a_role_says_stays_where_the_entry_says_nothing() -> None:
    assert chart_values("web", {"role": "frontend"}, {}, {}) == {}
    assert chart_values("web", {"role": "frontend", "image": "x/web:2"}, {}, {}) == {"image": "x/web:2"}


def test_a_connection_is_open_at_both_ends() -> None:
    entry = {"calls": ["api"], "needs": ["database", "search"], "dapr": {"publishes": ["x"]}}
    assert connections_of(entry, ["frontend"]) == {
        "ingressFrom": ["frontend"],
        "egressTo": ["api", "search"],
        "access": ["database", "broker"],
    }
    assert connections_of({"public": {"node_port": 30080}}, []) == {"access": ["public"]}
    assert connections_of({"public": "a.example.com", "dapr": {"state": True}}, []) == {"access": ["database"]}


def test_the_internet_is_a_port_or_all_of_it() -> None:
    assert connections_of({"internet": ["api.example.com"]}, []) == {"internet": [443]}
    assert connections_of({"internet": True}, []) == {"internet": True}
    assert connections_of({"internet": False}, []) == {}


def test_what_variables_and_files_come_from_is_watched() -> None:
    entry = {
        "env_from": [{"secret": "a"}, {"config": "b"}],
        "volumes": {"c": {"path": "/c", "config": "b"}, "d": {"path": "/d", "claim": "d"}},
    }
    assert watches_of(entry) == [{"kind": "Secret", "name": "a"}, {"kind": "ConfigMap", "name": "b"}]


def test_what_a_sidecar_reads_is_watched() -> None:
    flags = {"kind": "ConfigMap", "name": "flags"}
    kafka, database = ({"kind": "Secret", "name": name} for name in ("kafka-credentials", "database"))
    assert watches_of({"watches": [flags, flags], "dapr": {"broadcasts": ["x"], "state": True}}) == [
        flags,
        kafka,
        database,
    ]
    assert watches_of({"dapr": True}) == []


def test_a_sidecar_is_asked_for() -> None:
    assert [dapr_of(entry) for entry in ({}, {"dapr": False}, {"dapr": True}, {"dapr": {"port": 1}})] == [
        None,
        None,
        {},
        {"port": 1},
    ]


def test_a_template_is_an_image_as_it_is() -> None:
    assert image_of("web", {"image": "{{ x }}"}, APP) == "{{ x }}"
    assert image_of("web", {"image": "web@sha256:1"}, APP) == "ghcr.io/acme/web@sha256:1"


def test_any_chart_has_its_own_values() -> None:
    assert facts("web", {"chart": "x", "values": {"a": 1}}, APP, {}, []) == {"watches": []}
    assert set(facts("web", {}, APP, {}, [])) == {
        "role_values", "chart_values", "connections", "watches", "app_id", "sidecar",
    }  # fmt: skip


BASE = {"image": "a/web:1", "env": {"A": "1", "B": "2"}, "calls": ["api"], "dapr": {"state": True}, "stop_seconds": 45}


def test_what_a_role_says_stays_under_what_the_environment_says() -> None:
    """app_service_values go over a role's values, and an entry's over both."""
    entry = {**BASE, "role": "web", "env": {"A": "1", "B": "3"}, "stop_seconds": 45, "port": 3000}
    made = facts("web", entry, {}, {}, ["front"], BASE)
    assert made["role_values"] == {
        "image": "a/web:1", "env": {"A": "1"}, "terminationGracePeriodSeconds": 45,
    }  # fmt: skip
    assert made["chart_values"] == {"env": {"B": "3"}, "port": 3000, "dapr": {"annotations": {"app_port": 3000}}}
    assert made["connections"] == {"ingressFrom": ["front"], "egressTo": ["api"], "access": ["database"]}
    assert made["sidecar"]


def test_of_a_host_written_by_hand_all_is_the_roles() -> None:
    """The inventory's own values go over its connections too, as they did before there were entries."""
    made = role_facts("web", BASE, {}, ["front"], ["audit"])
    assert made["chart_values"] == {}
    assert made["connections"] == {"ingressFrom": ["audit"]}
    assert made["role_values"]["networkPolicy"] == {
        "ingressFrom": ["front"], "egressTo": ["api"], "access": ["database"],
    }  # fmt: skip


def test_names_of_secrets_are_the_environments() -> None:
    entry = {"dapr": {"publishes": ["x"], "state": True}}
    made = facts("web", entry, APP, {"broker_secret": "rabbit", "database_secret": "pg"}, [])
    assert [watch["name"] for watch in made["watches"]] == ["rabbit", "pg"]


def test_an_app_and_its_sidecar_know_each_other_by_tokens_of_the_environment() -> None:
    both = {"generated": {"dapr-app-token": ["token"], "dapr-api-token": ["token"], "app": ["key"]}}

    def made(dapr: object, environment: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        values = facts("web", {"dapr": dapr, "secrets": {"KEY": "app/key"}}, APP, environment, [])["chart_values"]
        secrets = {name: at for name, at in values["secretEnv"].items() if name != "KEY"}
        return values.get("dapr", {}).get("annotations", {}), secrets

    app = {"APP_API_TOKEN": {"secret": "dapr-app-token", "key": "token"}}
    api = {"DAPR_API_TOKEN": {"secret": "dapr-api-token", "key": "token"}}
    assert made({"api_token": True}, {}) == ({}, {})
    assert made(True, both) == ({"app_token_secret": "dapr-app-token"}, app)  # whoever does not check it is unharmed
    assert made({"api_token": True}, both) == (
        {"app_token_secret": "dapr-app-token", "api_token_secret": "dapr-api-token"}, {**app, **api},
    )  # fmt: skip
    assert made({"sidecar": {"app_token_secret": "own"}}, both) == ({"app_token_secret": "own"}, {})
    assert "secretEnv" not in facts("web", {}, APP, both, [])["chart_values"]


def test_a_service_that_others_call_through_dapr_has_its_own_configuration() -> None:
    environment = {"invoked": ["api"]}
    made = facts("api", {"dapr": True}, APP, environment, [])["chart_values"]
    assert made["dapr"]["annotations"] == {"config": "api-callers"}
    assert "dapr" not in facts("web", {"dapr": {"invokes": ["api"]}}, APP, environment, [])["chart_values"]


FORMS: dict[str, list[Any]] = {
    "image": ["x", "ghcr.io/a/b:1", "a:5000/b@sha256:" + "0" * 64],
    "kind": ["cronjob", "job", "statefulset"], "schedule": ["0 3 * * *", "@daily"],
    "port": [1, 80, 65535, "none"],
    "public": ["a.example.com", {"host": "*.example.com", "paths": ["/a"], "tls": "own"}, {"node_port": 30000},
               ["a.example.com", {"host": "b.example.com", "tls": False}]],
    "health": ["/", "none", {"live": "/a"}, {"ready": "/b"}, {"tcp": 1}, {"grpc": 9}, {"command": ["x", 1, True]}],
    "env": [{}, {"A": 1, "_b": True, "C": 1.5}],
    "env_from": [[], [{"config": "a.b"}, {"secret": "c", "optional": True}]],
    "secrets": [{}, {"A_KEY": "app/a.b-c_D"}],
    "calls": [[], ["api"]], "needs": [["database", "broker", "api"]], "internet": [True, False, ["a.example.com"]],
    "dapr": [True, False, {"state": True}],
    "scale": [0, 100, {"min": 2}, {"min": 1, "max": 100, "cpu": 1, "memory": 1000}],
    "resources": [{}, {"cpu": "1"}, {"cpu": "0.5-2", "memory": "1Gi"}, {"memory": "64Mi-128Mi"}],
    "user": ["image", 0, 2**31 - 1], "writable": [[], ["/a/b", "/tmp/x"]],
    "volumes": [{}, {"a-b": {"path": "/x", "secret": "s", "read_only": True}}, {"d": {"path": "/d", "size": "1Gi"}}],
    "command": [["a", 1]], "args": [[], ["-v"]], "stop_seconds": [6, 3600],
}  # fmt: skip


def test_the_chart_takes_the_values() -> None:
    defaults, schema = (
        yaml.safe_load((TOP / "charts/service" / name).read_text()) for name in ("values.yaml", "values.schema.json")
    )
    for entry, _ in (*FOLLOWS, *WORKLOADS):
        said = chart_values("web", entry, APP, TLS)
        said.pop("dapr", None)  # the role makes Dapr's annotations of it
        values = merged(defaults, {"environment": "test", **said})
        assert [error.message for error in Draft7Validator(schema).iter_errors(values)] == [], entry


def test_what_the_check_lets_through_the_chart_takes_too() -> None:
    """Random entries, put together from forms that each key may have."""
    defaults, schema = (
        yaml.safe_load((TOP / "charts/service" / name).read_text()) for name in ("values.yaml", "values.schema.json")
    )
    told = Draft7Validator(schema)
    keys = {key.name: key for key in ENTRY if not key.later and key.name not in OF_OWN_CHART}
    chance = random.Random(17)
    taken = 0
    for _ in range(400):
        entry = {name: chance.choice(FORMS[name]) for name in chance.sample(sorted(FORMS), chance.randint(1, 7))}
        assert entry.keys() <= keys.keys()
        if entry_problems("web", entry):
            continue
        taken += 1
        values = chart_values("web", entry, APP, chance.choice([TLS, {**TLS, "cluster_issuer": ""}]))
        values.pop("dapr", None)
        policy = merged(defaults["networkPolicy"], connections_of(entry, ["other"]))
        full = merged(defaults, {"environment": "test", **values, "networkPolicy": policy})
        assert [(error.json_path, error.message) for error in told.iter_errors(full)] == [], entry
    assert taken > 150
