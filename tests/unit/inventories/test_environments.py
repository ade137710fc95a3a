"""The files of the inventories: what examples take from them, and their vaults."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from tests.unit.ansible_runs import TOP
from tests.unit.inventories.conftest import EXAMPLES, OPERATORS, cluster_file, folder

BASES = {"aks": "production", "gke": "production", "oke": "production", "kind": "local", "minikube": "local"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_differs_in_its_cluster_file_only(example: str) -> None:
    base = folder(BASES[example])
    own = [p.relative_to(folder(example)) for p in folder(example).rglob("*") if p.is_file() and not p.is_symlink()]
    assert [str(p) for p in own if "host_vars" not in p.parts] == ["group_vars/all/cluster.yml"]
    for link in (p for p in folder(example).rglob("*") if p.is_symlink()):
        assert link.resolve() == base / link.relative_to(folder(example))
    assert cluster_file(example).keys() <= cluster_file(BASES[example]).keys() | {"cluster_context"}


def test_what_operators_keep_is_what_the_inventory_names() -> None:
    """The objects themselves were checked against the operators' CRDs by hand: these are not ours to keep here."""
    named = yaml.safe_load((folder(OPERATORS) / "group_vars/all/with_operators.yml").read_text())
    production = yaml.safe_load((folder("production") / "group_vars/all/environment.yml").read_text())
    namespace = production["environment_namespace"]
    found = [
        item
        for file in sorted((TOP / "examples/operators").glob("*.yml"))
        for item in yaml.safe_load_all(file.read_text())
    ]
    [kafka, user, database] = (
        next(item for item in found if item["kind"] == kind) for kind in ("Kafka", "KafkaUser", "Cluster")
    )
    [listener] = kafka["spec"]["kafka"]["listeners"]
    place = f"{kafka['metadata']['name']}-kafka-bootstrap.{kafka['metadata']['namespace']}.svc.cluster.local"
    assert named["redpanda_secrets_brokers"] == f"{place}:{listener['port']}"
    assert (listener["tls"], listener["authentication"]["type"]) == (named["redpanda_secrets_tls"], "scram-sha-512")
    assert named["redpanda_secrets_mechanism"] == "SCRAM-SHA-512"
    assert user["metadata"]["name"] == named["redpanda_secrets_username"]
    begins = [(acl["resource"]["type"], acl["resource"]["name"]) for acl in user["spec"]["authorization"]["acls"]]
    assert begins == [("topic", namespace), ("group", f"{namespace}.")]
    topics = {item["metadata"]["name"] for item in found if item["kind"] == "KafkaTopic"}
    assert topics == {f"{namespace}{topic}" for topic in ("task-events", "reminders")}
    policies = named["environment_values"]["networkPolicies"]
    assert policies["broker"] == {"namespaces": [kafka["metadata"]["namespace"]], "ports": [listener["port"]]}
    assert policies["database"]["namespaces"] == [database["metadata"]["namespace"]]


def test_the_example_vault_names_every_secret_of_the_inventories() -> None:
    used = set()
    for file in TOP.glob("inventories/*/group_vars/all/*.yml"):
        used |= set(re.findall(r"\bvault_\w+", file.read_text()))
    assert used
    assert set(yaml.safe_load((TOP / "inventories/vault.example.yml").read_text())) == used


def test_no_vault_is_committed() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "inventories"], cwd=TOP, text=True, capture_output=True, check=True
    ).stdout
    assert not [name for name in tracked.split() if name.endswith("/vault.yml")]
    ignored = subprocess.run(
        ["git", "check-ignore", "inventories/production/group_vars/all/vault.yml"],
        cwd=TOP,
        capture_output=True,
        check=False,
    )
    assert ignored.returncode == 0, "a vault file would be committed by mistake"


def test_ansible_ignores_the_example_vault() -> None:
    """It lies beside the inventories, not in one, where Ansible would load it."""
    assert not list(TOP.glob("inventories/*/**/vault.example.yml"))


@pytest.mark.parametrize("inventory", ["production", "aks", "gke", "oke"])
@pytest.mark.parametrize("role", ["ingress", "cert_manager", "metrics_server", "monitoring"])
def test_every_variable_of_the_edge_is_named(inventory: str, role: str) -> None:
    """Set, or in a sentence that says what it is for."""
    text = "\n".join(file.read_text() for file in sorted((folder(inventory) / "group_vars/all").glob("*.yml")))
    spec = yaml.safe_load((TOP / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]
    lacks = [name for name in spec["options"] if not re.search(rf"\b{name}\b", text)]
    assert lacks == []
