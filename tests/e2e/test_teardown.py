"""An environment and its platform go, last of all: the tests after these want a cluster without either."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import NAMESPACE, Cluster, until
from tests.e2e.test_edge import OURS
from tests.e2e.test_playbooks import everything

TEARDOWN = ("playbooks/teardown.yml", "-e", f"teardown_confirm={NAMESPACE}", "-e", "teardown_platform=true")
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "somebody-s-data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
}


@pytest.fixture
def neighbour(app: Cluster) -> str:
    """A namespace that no inventory knows, with something in it."""
    name = "neighbour"
    app.kubectl("create", "namespace", name)
    app.kubectl("-n", name, "create", "configmap", "kept", "--from-literal=a=b")
    own = {"ServiceAccount neighbour/default", "ConfigMap neighbour/kube-root-ca.crt"}
    until(lambda: own <= everything(app).keys(), 60, "what Kubernetes makes in each namespace")
    return name


def of_others(cluster: Cluster) -> dict[str, str]:
    """What is in no namespace of ours, and no cluster-wide object of our platform."""
    return {
        key: text
        for key, text in everything(cluster).items()
        if key.split()[1].split("/")[0] not in OURS and not (key.startswith("Namespace") and key.split("/")[1] in OURS)
    }


def test_teardown_refuses_while_something_of_somebody_else_is_there(app: Cluster, tmp_path: Path) -> None:
    manifest = tmp_path / "claim.json"
    manifest.write_text(json.dumps(CLAIM))
    app.kubectl("-n", NAMESPACE, "apply", "-f", str(manifest))
    before = everything(app)
    run = app.playbook(*TEARDOWN)
    assert run.code != 0
    assert "also holds somebody-s-data, which this inventory did not make" in " ".join(run.output.split())
    assert everything(app) == before
    app.kubectl("-n", NAMESPACE, "delete", "-f", str(manifest))


def test_teardown_removes_what_the_inventory_made_and_nothing_else(app: Cluster, neighbour: str) -> None:
    namespaces = {item["metadata"]["name"] for item in app.get("namespaces")}
    before = of_others(app)
    run = app.playbook(*TEARDOWN).ok()
    assert run.count("changed") > 0
    assert {item["metadata"]["name"] for item in app.get("namespaces")} == namespaces - OURS
    assert of_others(app) == before
    hooks = json.loads(app.kubectl("get", "mutatingwebhookconfigurations", "-o", "json"))["items"]
    assert not hooks, "pods of others start without a sidecar again"
    again = app.playbook(*TEARDOWN).ok()
    assert again.count("changed") == 0, again.output[-3000:]
