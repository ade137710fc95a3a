"""The chart kafka: one broker that keeps its data and its passwords to itself."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kafka.job import LABEL

from tests.unit.charts.rendering import CHARTS, Helm, RenderError, pick


def properties(objects: list[dict[str, Any]]) -> dict[str, str]:
    text = pick(objects, "ConfigMap")["data"]["server.properties"]
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_address_follows_release_and_namespace(helm: Helm) -> None:
    name = "kafka.kafka.svc.cluster.local"
    assert properties(helm.kafka())["advertised.listeners"].startswith(f"CLIENT://{name}:9092,TLS://{name}:9095,")
    other = helm.render("kafka", {"clusterDomain": "k8s.example"}, "broker", "shared")
    assert properties(other)["advertised.listeners"].startswith("CLIENT://broker.shared.svc.k8s.example:9092,")
    assert [port["port"] for port in pick(other, "Service", "broker")["spec"]["ports"]] == [9092, 9095]


def test_only_listeners_with_a_password_leave_the_pod(helm: Helm) -> None:
    found = properties(helm.kafka())
    protocols = dict(pair.split(":") for pair in found["listener.security.protocol.map"].split(","))
    for listener in found["listeners"].split(","):
        name, address = listener.split("://")
        assert protocols[name] in ("SASL_PLAINTEXT", "SASL_SSL") or address.startswith("127.0.0.1:")
    assert found["sasl.enabled.mechanisms"] == "SCRAM-SHA-256,SCRAM-SHA-512"
    assert len([key for key in found if key.endswith(".sasl.jaas.config")]) == 4
    assert found["allow.everyone.if.no.acl.found"] == "false"
    assert found["super.users"] == "User:ANONYMOUS;User:admin", "who is in the pod, and admin"


def test_topics(helm: Helm) -> None:
    assert properties(helm.kafka())["auto.create.topics.enable"] == "true"
    found = properties(helm.kafka(autoCreateTopics=False, defaultPartitions=6, retentionHours=1000000 // 24))
    assert (found["auto.create.topics.enable"], found["num.partitions"], found["log.retention.hours"]) == (
        "false",
        "6",
        "41666",
    )


def test_data_outlive_pod_and_release(helm: Helm) -> None:
    spec = pick(helm.kafka(storage={"size": "5Gi", "className": "do-block-storage"}), "StatefulSet")["spec"]
    [claim] = spec["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"] == {"storage": "5Gi"}
    assert claim["spec"]["storageClassName"] == "do-block-storage"
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    default = pick(helm.kafka(), "StatefulSet")["spec"]["volumeClaimTemplates"][0]["spec"]
    assert "storageClassName" not in default, "the cluster's default class"


def test_cluster_id_is_a_stable_uuid(helm: Helm) -> None:
    def identity(release: str, namespace: str) -> Any:
        pod = pick(helm.render("kafka", {}, release, namespace), "StatefulSet")["spec"]["template"]["spec"]
        container = pod["containers"][0]
        return next(e["value"] for e in container["env"] if e["name"] == "CLUSTER_ID")

    first = identity("kafka", "kafka")
    assert first == identity("kafka", "kafka") != identity("kafka", "other")
    decoded = base64.urlsafe_b64decode(first + "==")
    assert len(decoded) == 16
    assert base64.urlsafe_b64encode(decoded).decode().rstrip("=") == first


def test_passwords_and_the_key_come_by_volumes_to_the_container_that_needs_them(helm: Helm) -> None:
    values = {"users": {"secretName": "mine"}, "tls": {"secretName": "own"}}
    spec = pick(helm.kafka(**values), "StatefulSet")["spec"]["template"]["spec"]
    volumes = {each["name"]: each["secret"]["secretName"] for each in spec["volumes"] if "secret" in each}
    assert volumes == {"users": "mine", "tls": "own"}
    mounted = {
        container["name"]: {mount["name"] for mount in container["volumeMounts"]} & volumes.keys()
        for container in spec["containers"]
    }
    assert mounted == {"kafka": {"tls", "users"}, "users": {"users"}}
    assert "secretKeyRef" not in json.dumps(spec)


def test_changed_settings_and_secrets_roll_the_pod(helm: Helm) -> None:
    def notes(**values: Any) -> Any:
        return pick(helm.kafka(**values), "StatefulSet")["spec"]["template"]["metadata"]["annotations"]

    assert notes() == notes(heap="192m")
    assert notes()["todo.cloud/config"] != notes(defaultPartitions=5)["todo.cloud/config"]
    assert notes(podAnnotations={"todo.cloud/watched": "x"})["todo.cloud/watched"] == "x"


def test_only_environments_reach_the_broker(helm: Helm) -> None:
    spec = pick(helm.kafka(), "NetworkPolicy")["spec"]
    match = {"key": "todo.cloud/environment", "operator": "Exists"}
    tools = {"podSelector": {"matchLabels": {LABEL: "true"}}}
    assert spec["ingress"] == [
        {"from": [tools], "ports": [{"protocol": "TCP", "port": "client"}]},
        {
            "from": [{"namespaceSelector": {"matchExpressions": [match]}}],
            "ports": [{"protocol": "TCP", "port": "client"}, {"protocol": "TCP", "port": "tls"}],
        },
    ]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in spec


def test_the_script_is_carried_as_it_is(helm: Helm) -> None:
    data = pick(helm.kafka(), "ConfigMap")["data"]
    for name in ("kafka.sh", "log4j2.xml"):
        assert data[name] == (CHARTS / "kafka" / "files" / name).read_text()


@dataclass
class Script:
    """kafka.sh users, at places of its own, with tools that write down what they are asked for."""

    folder: Path

    def __post_init__(self) -> None:
        for name in ("secret/..1", "data/kafka", "tmp"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "secret/..data").symlink_to("..1")
        (self.folder / "data/kafka/meta.properties").touch()
        java = f"""#!/bin/sh
for word; do case $word in *Command) tool=${{word##*.}} ;; esac; done
echo "$tool ${{*#*$tool }} $(cat {self.folder}/tmp/password 2>/dev/null | head -1)" >>{self.folder}/calls
[ ! -e {self.folder}/broken ]
"""
        (self.folder / "java").write_text(java)
        (self.folder / "java").chmod(0o755)
        text = (CHARTS / "kafka" / "files" / "kafka.sh").read_text()
        for old, new in (
            ("/tmp/", "tmp/"),  # first: the places are under it
            ("/etc/kafka-users", "secret"),
            ("/data/", "data/"),
            ("/opt/jre/bin/java", "java"),
        ):
            assert old in text
            text = text.replace(old, f"{self.folder}/{new}")
        text = text.replace("sleep 2", "exit 0").replace("touch", ":")
        (self.folder / "kafka.sh").write_text(text)

    def run(self, **keys: str) -> tuple[str, list[str]]:
        """What one round says, and the calls of tools that it makes."""
        place = self.folder / "secret"
        for old in place.iterdir():
            if old.name[0] != ".":
                old.unlink()
        for key, text in keys.items():
            (place / key.replace("__b", ".b").replace("__old", ".old").replace("todo_", "todo-")).write_text(text)
        calls = self.folder / "calls"
        calls.unlink(missing_ok=True)
        environment = {"PATH": os.environ["PATH"], "CLUSTER_ID": "x", "USERS_SECRET": "kafka-users"}
        done = subprocess.run(
            ["/bin/sh", self.folder / "kafka.sh", "users"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=True,
        )
        assert done.stderr == ""
        lines = calls.read_text().splitlines() if calls.exists() else []
        return done.stdout, [line.replace("--bootstrap-server 127.0.0.1:9094 ", "") for line in lines]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


def test_users_are_made_once_and_again_when_their_password_changes(script: Script) -> None:
    said, calls = script.run(admin_password="a", todo_x_password="p", todo_x_user="todo-x")
    assert said == "kafka.sh: users as in Secret kafka-users: admin todo-x \n"
    assert [call.split()[0] for call in calls] == ["ConfigCommand"] * 4 + ["AclCommand"] * 3
    mechanisms = ("SCRAM-SHA-256", "SCRAM-SHA-512")
    assert [call.split()[-1] for call in calls[:4]] == [f"{one}=password={word}" for word in "ap" for one in mechanisms]
    assert script.run(admin_password="a", todo_x_password="p") == (said, [])
    said, calls = script.run(admin_password="a", todo_x_password="q")
    assert [("todo-x" in call, "admin" in call) for call in calls] == [(True, False)] * 5


def test_each_has_what_begins_with_its_name_and_nothing_else(script: Script) -> None:
    _, calls = script.run(admin_password="a", todo_x_password="p")
    others, both, topics = (call.split("--force ")[1].strip() for call in calls if call.startswith("Acl"))
    assert others == "--deny-principal User:todo-x --resource-pattern-type prefixed --topic todo-x- --operation All"
    user = "--allow-principal User:todo-x --resource-pattern-type prefixed --topic todo-x"
    assert both == f"{user} --group todo-x. --operation Read --operation Describe"
    wanted = ("Write", "Create", "DescribeConfigs", "Alter", "AlterConfigs")
    assert topics == " ".join([user, *(f"--operation {each}" for each in wanted)])


def test_users_of_an_older_script_get_the_rights_of_this_one_and_keep_their_password(script: Script) -> None:
    script.run(admin_password="a", todo_x_password="p")
    made = script.folder / "data/users/todo-x"
    made.write_text(made.read_text().replace("rights-2", "rights"))
    _, calls = script.run(admin_password="a", todo_x_password="p")
    assert [call.split()[0] for call in calls] == ["AclCommand"] * 3


def test_old_and_new_user_of_an_environment_have_the_same_rights(script: Script) -> None:
    script.run(admin_password="a", todo_x_password="p", todo_x_user="todo-x")
    said, calls = script.run(
        admin_password="a",
        todo_x_password="q",
        todo_x_user="todo-x.b",
        todo_x__old_password="p",
        todo_x__old_user="todo-x",
    )
    assert said.endswith(": admin todo-x todo-x.b \n")
    rights = [call for call in calls if call.startswith("Acl")]
    assert all("User:todo-x.b " in call for call in rights)
    assert ["--topic todo-x- " in call for call in rights] == [True, False, False]
    assert rights[1].count("--group todo-x. ") == 1
    said, calls = script.run(admin_password="a", todo_x_password="q", todo_x_user="todo-x.b")
    assert said.endswith(": admin todo-x.b \n")
    deleted = [call.split()[-3:] for call in calls[:2]]
    assert deleted == [["todo-x", "--delete-config", f"SCRAM-SHA-{bits}"] for bits in (256, 512)]
    assert all("--remove --force" in call and "-principal User:todo-x " in call for call in calls[2:])
    assert len(calls) == 5


def test_the_one_user_of_older_brokers_keeps_its_rights_until_its_key_is_gone(script: Script) -> None:
    _, calls = script.run(admin_password="a", app_password="p")
    assert all("literal --topic * " in call for call in calls if call.startswith("Acl"))
    said, calls = script.run(admin_password="a")
    assert (said, len(calls)) == ("kafka.sh: users as in Secret kafka-users: admin \n", 4)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"admin_password": ""}, "key admin_password is empty"),
        ({"admin_password": "a", "x_password": "sesame,password=x"}, "key x_password holds other characters than"),
        ({"admin_password": "sesame]"}, "key admin_password holds other characters than"),
        ({"admin_password": "sesame\nSCRAM"}, "key admin_password holds other characters than"),
        (
            {"admin_password": "a", "x_password": "sesame", "x_user": "Y=1"},
            "the user of key x_password is no lower-case",
        ),
        ({"x_password": "sesame"}, "there is no key admin_password"),
    ],
)
def test_the_script_says_what_kafka_would_misread(script: Script, keys: dict[str, str], message: str) -> None:
    said, calls = script.run(**keys)
    assert said.startswith(f"kafka.sh: Secret kafka-users: {message}")
    assert said.count("\n") == 1
    assert "sesame" not in said
    assert not [call for call in calls if "sesame" in call.rpartition(" ")[0]]


def test_a_broker_that_does_not_answer_is_tried_again(script: Script) -> None:
    (script.folder / "broken").touch()
    said, _ = script.run(admin_password="a")
    assert (
        said
        == "kafka.sh: Secret kafka-users: could not make user admin: the broker did not take it on 127.0.0.1:9094\n"
    )
    (script.folder / "broken").unlink()
    assert script.run(admin_password="a")[0].endswith(": admin \n")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image": None}, "image"),
        ({"users": {"appUsername": "admin"}}, "appUsername"),
        ({"users": {"password": "x"}}, "password"),
        ({"heap": "lots"}, "/heap"),
        ({"resources": {"limits": {"memory": None}}}, "/resources/limits"),
        ({"storage": {"size": 2}}, "/storage/size"),
        ({"replicas": 3}, "replicas"),
    ],
)
def test_refused(helm: Helm, values: dict[str, Any], message: str) -> None:
    with pytest.raises(RenderError) as error:
        helm.kafka(**values)
    assert message in str(error.value)
