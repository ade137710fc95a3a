"""Entries of ``services`` and what follows from them: what the check lets through makes no trouble later."""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.planning.migrations import expanded
from ansible_collections.todo.cloud.plugins.module_utils.services.components import components, uses_broker
from ansible_collections.todo.cloud.plugins.module_utils.services.graph import waves
from ansible_collections.todo.cloud.plugins.module_utils.services.hosts import host_variables, shared_variables
from ansible_collections.todo.cloud.plugins.module_utils.services.layers import layered
from ansible_collections.todo.cloud.plugins.module_utils.services.limits import limits
from ansible_collections.todo.cloud.plugins.module_utils.services.problems import entry_problems, problems
from ansible_collections.todo.cloud.plugins.module_utils.services.types import is_template
from ansible_collections.todo.cloud.plugins.module_utils.services.values import facts
from ansible_collections.todo.cloud.plugins.plugin_utils.roles import plain, plain_bases

from tests.fuzz.frame import Target
from tests.unit.ansible_runs import TOP

SERVICES = {
    "api": {
        "image": "api:v1", "port": 8080, "health": {"live": "/live", "ready": "/ready"}, "env": {"A": "1", "B": True},
        "secrets": {"DB": "database/url"}, "env_from": [{"secret": "s", "prefix": "X_"}], "needs": ["database"],
        "dapr": {"publishes": ["t"], "subscribes": {"t": "/t"}, "state": True, "cron": {"tick": "@every 1m"}},
        "scale": {"min": 1, "max": 3, "cpu": 70}, "resources": {"cpu": "50m-1", "memory": "64Mi-1Gi"}, "user": 1000,
        "volumes": {"v": {"path": "/v", "config": "c"}}, "writable": ["/w"], "stop_seconds": 30, "graces": {"oom": 5},
        "migrations": {"command": ["a", "b"], "when": "after", "timeout": 60, "reversible": False},
        "watches": [{"kind": "Secret", "name": "x"}], "internet": ["a.example.com"], "command": ["x"], "args": ["y", 1],
    },
    "web": {
        "public": [{"host": "a.example.com", "paths": ["/a"], "tls": "cert"}, "b.example.com"], "calls": ["api"],
        "after": ["api"], "health": "/up", "scale": 2, "internet": True, "metrics": {"port": 9100, "path": "/m"},
    },
    "job": {"kind": "cronjob", "schedule": "0 3 * * *", "port": "none", "image": "{{ image }}"},
    "redis": {"chart": "../charts/redis", "values": {"a": [1]}, "files": ["../values.yaml"], "rollback_floor": "v1"},
    "raw": {"manifests": ["../k8s", "x/*.yaml"]},
    "frontend": {"role": "frontend", "env": {"C": "2"}},
}  # fmt: skip
SEEDS = (
    {"app": {"name": "shop", "registry": "r.example", "version": "v1", "pull_secret": "p"}, "services": SERVICES},
    {"app": {}, "services": SERVICES, "here": {"api": {"scale": 2, "env": {"A": None}}, "web": None}},
)
NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
INGRESS = {"class_name": "", "annotations": {}, "cluster_issuer": "i", "traefik_redirect": False}
CHART, ENVIRONMENT = (str(TOP / f"charts/{name}/values.yaml") for name in ("dapr-components", "environment"))


def _filled_in(value: Any) -> Any:
    """As Ansible gives it to the filter; each template was a number."""
    if isinstance(value, dict):
        return {key: _filled_in(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled_in(item) for item in value]
    return 49 if is_template(value) else value


def attempt(given: Any) -> None:
    if not isinstance(given, dict):
        return
    entries, found = layered(given.get("services"), given.get("here"))
    roles = plain_bases()
    app = given.get("app")
    found = found or problems(app, entries, [], roles)
    if found or not isinstance(app, dict):
        json.dumps(found)
        return
    order = waves(entries)
    assert set(order) == set(entries)
    shared = shared_variables(entries, {}, app)
    components({name: entry for name, entry in entries.items() if entry.get("dapr")}, plain(CHART), [])
    uses_broker(entries)
    limits(entries, plain(ENVIRONMENT))
    for name, entry in entries.items():
        assert NAME.fullmatch(name), "a name of a service"
        host_variables(name, entry, app, "/inventory", bases=roles)
        ready = _filled_in(entry)
        if entry_problems(name, ready):  # the filter looks again, once Ansible has filled in what it can
            continue
        made = facts(
            name, ready, app, INGRESS, shared["services_callers"].get(name, []), roles.get(entry.get("role", ""))
        )
        values = made.get("chart_values") or {}
        for key in ("env", "secretEnv"):
            assert all(VARIABLE.fullmatch(each) for each in values.get(key) or {}), "a name of a variable"
        raw = {"name": name, "namespace": "ns", "chart": "service", "values": values}
        list(expanded([[{**raw, **({"migrations": made["migrations"]} if "migrations" in made else {})}]]))


TARGET = Target("services", SEEDS, attempt)
