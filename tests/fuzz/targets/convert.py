"""What a team has, converted to entries: rendered or raw YAML and compose files of whoever wrote them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.todo.cloud.plugins.module_utils.known_secrets import KNOWN
from ansible_collections.todo.cloud.plugins.module_utils.releases.convert import Source, _flat, _told_apart, convert
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_compose import is_compose
from ansible_collections.todo.cloud.plugins.module_utils.services.types import is_template
from ansible_collections.todo.cloud.plugins.module_utils.yaml_reader import YamlError, read_documents

from tests.fuzz.frame import Target

CANARY = "canaryCONV-5r8Yq2"
HOSTILE = "{{ lookup('ansible.builtin.pipe', 'id') }}"
COMPOSE = {"services": {
    "web": {
        "image": "acme/web:1", "ports": ["8080:80", {"target": 90}], "environment": {"API_TOKEN": CANARY, "A": HOSTILE},
        "command": f"run --password={CANARY}", "depends_on": {"db": {"condition": "service_healthy"}},
        "healthcheck": {"test": ["CMD", "curl", "http://localhost/up"], "interval": "5s"}, "user": "1000:1000",
        "volumes": ["./data:/data:ro", {"type": "tmpfs", "target": "/tmp"}], "env_file": "../../etc/passwd",
        "deploy": {"replicas": 2, "resources": {"limits": {"cpus": "0.5", "memory": "1g"}}},
        "stop_grace_period": "1m30s",
    },
    "db": {"image": "postgres:16", "environment": [f"POSTGRES_PASSWORD={CANARY}"]},
}}  # fmt: skip
CONTAINER = {
    "name": "web", "image": "acme/web:1", "ports": [{"name": "web", "containerPort": 3000}],
    "env": [{"name": "DB_PASSWORD", "value": CANARY}, {"name": "A", "value": HOSTILE},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
    "envFrom": [{"configMapRef": {"name": "c"}}], "args": [f"--token={CANARY}"],
    "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}},
    "readinessProbe": {"httpGet": {"path": "/up", "port": "web"}, "periodSeconds": 5},
    "volumeMounts": [{"name": "v", "mountPath": "/v"}], "securityContext": {"runAsUser": 1000},
}  # fmt: skip
OBJECTS = [
    {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "annotations": {"a": CANARY}},
        "spec": {"replicas": 2, "template": {
            "metadata": {"labels": {"app": "web"}, "annotations": {"dapr.io/enabled": "true", "dapr.io/app-id": "web"}},
            "spec": {"containers": [CONTAINER], "volumes": [{"name": "v", "secret": {"secretName": "s"}}]},
        }},
    },
    {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "web"}]},
    },
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": CANARY}},
    {
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"},
        "spec": {"rules": [{"host": "a.example", "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]},
    },
    {
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "night"},
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": {
            "containers": [{"name": "n", "image": "x:1", "command": ["a", "b"]}]}}}}},
    },
]  # fmt: skip
SEEDS = (COMPOSE, OBJECTS, yaml.safe_dump(COMPOSE), yaml.safe_dump_all(OBJECTS))


class Loader(yaml.SafeLoader):
    """Takes what is marked as unsafe for what it is."""


Loader.add_constructor("!unsafe", lambda _loader, node: {"unsafe": str(node.value)})


@cache
def defaults() -> dict[str, Any]:
    found = yaml.safe_load((Path(__file__).parents[3] / "charts/service/values.yaml").read_text())
    return dict(found)


def attempt(given: Any) -> None:
    try:
        documents = read_documents(given) if isinstance(given, str) else given
    except YamlError:
        return
    if not isinstance(documents, (list, tuple)):
        documents = [documents]
    compose = next((each for each in documents if is_compose(each)), None)
    source = Source(compose=compose) if compose else _told_apart(_flat(documents, "a.yaml"))
    KNOWN.clear()
    found = convert(source, defaults())
    shown = KNOWN.hidden_in(json.dumps(found))  # as each module's exit does
    KNOWN.clear()
    unsafe = CANARY in json.dumps(_named_so(documents))
    assert unsafe or CANARY not in shown, "a secret is shown"
    for text in _texts(yaml.load(found["text"], Loader)):
        assert not is_template(text), "a template that Ansible would fill in"


def _named_so(value: Any) -> Any:
    """Where a damaged source has the canary in the name of something, or no name says that it is secret."""
    if isinstance(value, dict):
        return [key for key in value if CANARY in str(key)] + [_named_so(each) for each in value.values()]
    return [_named_so(each) for each in value] if isinstance(value, list) else None


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [] if set(value) == {"unsafe"} else [text for each in value.values() for text in _texts(each)]
    return [text for each in value for text in _texts(each)] if isinstance(value, list) else [str(value)]


TARGET = Target("convert", SEEDS, attempt)
