"""Values of charts/service as an entry: keys for what they say, the last word for the rest."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_entry import SIDECAR, differing, entry_of

from tests.unit.ansible_runs import TOP

from .conversions import DEFAULTS

BASE: dict[str, Any] = {
    "image": "ghcr.io/acme/web:v1", "port": 8080, "security": {"user": 65532},
    "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"cpu": "500m", "memory": "192Mi"}},
}  # fmt: skip
SHORT = {"image": "ghcr.io/acme/web:v1", "port": 8080}


@pytest.mark.parametrize(("values", "entry"), [
    ({}, {}),
    ({"port": 0}, {"port": "none"}),
    ({"security": {"user": 0, "readOnlyRoot": False}}, {"user": 0, "values": {"security": {"readOnlyRoot": False}}}),
    ({"secretEnv": {"A": {"secret": "s", "key": "k"}}}, {"secrets": {"A": "s/k"}}),
    ({"networkPolicy": {"egressTo": ["api", "far"], "access": ["database"]}},
     {"calls": ["api"], "needs": ["database"], "values": {"networkPolicy": {"egressTo": ["far"]}}}),
    ({"podAnnotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9100", "a": "b"}},
     {"metrics": 9100, "values": {"podAnnotations": {"a": "b"}}}),
    ({"podAnnotations": {
        "prometheus.io/scrape": "true", "prometheus.io/port": "9100", "prometheus.io/path": "/p",
    }}, {"metrics": {"port": 9100, "path": "/p"}}),
    ({"podAnnotations": {"prometheus.io/scrape": "true"}},
     {"values": {"podAnnotations": {"prometheus.io/scrape": "true"}}}),
    ({"networkPolicy": {"internet": True}}, {"internet": True}),
    ({"autoscaling": {"external": True}}, {"values": {"autoscaling": {"external": True}}}),
    ({"writable": {"/tmp": None, "/x": ""}}, {"writable": ["/x"], "values": {"writable": {"/tmp": None}}}),
    ({"terminationGracePeriodSeconds": 2}, {"values": {"terminationGracePeriodSeconds": 2}}),
    ({"dapr": {"annotations": {"dapr.io/enabled": "true", "dapr.io/app-port": "8080", "dapr.io/log-level": "debug"}}},
     {"dapr": {"sidecar": {"log_level": "debug"}}}),
])  # fmt: skip
def test_an_entry_of_values(values: dict[str, Any], entry: dict[str, Any]) -> None:
    assert entry_of("web", BASE | values, DEFAULTS, {}, {}, ["api"]) == SHORT | entry


def test_probes_that_are_asked_in_different_ways_are_values() -> None:
    probes = {"liveness": {"type": "tcp", "port": 8080}, "readiness": {"type": "exec", "command": ["x"]}}
    assert entry_of("web", {**BASE, "probes": probes}, DEFAULTS, {}, {}) == {**SHORT, "values": {"probes": probes}}


def test_differences_are_what_has_to_be_said() -> None:
    assert differing({"a": 1, "b": {"c": [1]}}, {"a": 1, "b": {"c": [2], "d": 3}}) == {"b": {"c": [1], "d": None}}


def test_what_a_sidecar_gets_anyway_is_what_the_role_says() -> None:
    said = yaml.safe_load((TOP / "roles/app_service/vars/main.yml").read_text())["_app_service_sidecar_standard"]
    texts = {
        key.replace("_", "-"): str(value).replace("True", "true") for key, value in said.items() if key != "app_id"
    }
    assert {key: SIDECAR[key] for key in texts if "{{" not in texts[key]} == {
        key: value for key, value in texts.items() if "{{" not in value
    }
