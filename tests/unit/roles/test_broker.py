"""Roles kafka and redpanda_secrets: the environment's user at the broker, and a new password for it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

IN_CLUSTER = {"redpanda_secrets_password": "", "redpanda_secrets_kafka_namespace": "kafka"}
SECRET = "kubernetes.core.k8s_info Secret"
LOG = "kubernetes.core.k8s_log Pod kafka-0"


@pytest.fixture(scope="module")
def stubbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubbed]:
    with Stubbed(tmp_path_factory.mktemp("broker")) as found:
        yield found


def coded(data: Mapping[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}


def answers(users: Mapping[str, str], said: str = "") -> dict[str, Any]:
    """A cluster whose Secret kafka-users holds ``users``; ``said``: the names in the last line of the broker's log."""
    secrets = {"kafka-users": users, "kafka-tls": {"ca.crt": "the authority\n"}}
    found: dict[str, Any] = {
        f"{SECRET} {name}": {"resources": [{"metadata": {"name": name}, "data": coded(data)}]}
        for name, data in secrets.items()
    }
    return found | {LOG: {"log": f"kafka.sh: users as in Secret kafka-users: {said} \n"}}


def written(run: Run) -> list[dict[str, Any]]:
    """Objects that were applied, with the content of Secrets as texts."""
    found = []
    for call in run.calls:
        definition = call["args"].get("definition") if call["module"] == "kubernetes.core.k8s" else None
        for item in definition if isinstance(definition, list) else [definition] if definition else []:
            data = {key: base64.b64decode(text or "").decode() for key, text in item.get("data", {}).items()}
            found.append({**item, "data": data | item.get("stringData", {})})
    return found


def deployed(
    stubbed: Stubbed, users: Mapping[str, str], said: str, found: Mapping[str, Any] | None = None, **variables: Any
) -> Run:
    """``found``: another cluster than the one of ``users`` and what the broker said."""
    hosts = {"components": {"platform_role": "redpanda_secrets"}}
    return stubbed.run(
        "platform", inventory({"platform": hosts}, **IN_CLUSTER, **variables), answers=found or answers(users, said)
    )


def test_the_environment_gets_what_the_brokers_secrets_hold(stubbed: Stubbed) -> None:
    users = {"admin_password": "a", "todo-test_user": "todo-test.b", "todo-test_password": "p", "other_password": "o"}
    run = deployed(stubbed, users, "admin todo-test.b other")
    assert run.code == 0, run.output
    [credentials] = written(run)
    assert credentials["data"].items() >= {
        "username": "todo-test.b", "password": "p", "ca.crt": "the authority\n", "disable_tls": "false",
    }.items()  # fmt: skip
    without = deployed(stubbed, users, "admin todo-test.b other", redpanda_secrets_tls=False)
    assert "ca.crt" not in written(without)[0]["data"]


def test_a_missing_user_is_added_and_nobody_elses_key_is_touched(stubbed: Stubbed) -> None:
    run = deployed(stubbed, {"admin_password": "a", "other_password": "o"}, "admin todo-test other")
    [added, *_] = written(run)
    assert added["metadata"] == {"name": "kafka-users", "namespace": "kafka"}
    assert added["data"].keys() == {"todo-test_user", "todo-test_password"}
    assert (added["data"]["todo-test_user"], len(added["data"]["todo-test_password"])) == ("todo-test", 48)


def test_an_older_broker_is_told_as_that(stubbed: Stubbed) -> None:
    users = answers({"admin_password": "a", "app_password": "p"})
    users[LOG] = {"msg": "Failed due to: container users is not valid for pod kafka-0"}
    hosts = {"components": {"platform_role": "redpanda_secrets"}}
    run = stubbed.run("platform", inventory({"platform": hosts}, **IN_CLUSTER), answers=users)
    assert run.code != 0
    assert "is one of an older version without a user for each environment" in run.text


def test_of_a_broker_that_does_not_run_only_a_rotation_wants_to_know(stubbed: Stubbed) -> None:
    """The login tells the rest, and is not tried again where nothing changed."""
    users = {"admin_password": "a", "todo-test_user": "todo-test", "todo-test_password": "p"}
    gone = answers(users) | {LOG: {"msg": 'Failed to get logs: pods "kafka-0" not found'}}
    assert deployed(stubbed, users, "", found=gone).code == 0
    run = rotated(stubbed, users, "", found=gone)
    assert run.code != 0
    assert "The broker in namespace kafka does not run (pod kafka-0), so whether it has the users" in run.text


def rotated(
    stubbed: Stubbed, users: Mapping[str, str], said: str, *arguments: str, found: Mapping[str, Any] | None = None
) -> Run:
    """The first play of the playbook; the others need releases."""
    stubbed.add_role(
        "starts", {"ansible.builtin.include_role": {"name": "todo.cloud.redpanda_secrets", "tasks_from": "rotate"}}
    )
    hosts = {"components": {"platform_role": "starts"}}
    return stubbed.run(
        "platform", inventory({"platform": hosts}, **IN_CLUSTER), *arguments, answers=found or answers(users, said)
    )


def test_a_new_password_comes_with_the_other_user(stubbed: Stubbed) -> None:
    users = {"admin_password": "a", "todo-test_user": "todo-test", "todo-test_password": "old"}
    said = "admin todo-test todo-test.b todo-test.old"  # the last, since the stub's Secret stays as it is
    run = rotated(stubbed, users, said)
    assert run.code == 0, run.output
    change = written(run)[0]
    new = change["data"].pop("todo-test_password")
    assert (len(new), new != "old") == (48, True)
    assert change["data"] == {
        "todo-test_user": "todo-test.b", "todo-test.old_user": "todo-test", "todo-test.old_password": "old",
    }  # fmt: skip
    assert "makes user todo-test.b beside todo-test at the broker" in run.text
    assert new not in run.output
    back = {**users, "todo-test_user": "todo-test.b"}
    assert written(rotated(stubbed, back, said))[0]["data"]["todo-test_user"] == "todo-test"


def test_a_rotation_that_was_killed_goes_on_and_check_mode_only_says(stubbed: Stubbed) -> None:
    users = {
        "admin_password": "a", "todo-test_user": "todo-test.b", "todo-test_password": "new",
        "todo-test.old_user": "todo-test", "todo-test.old_password": "old",
    }  # fmt: skip
    run = rotated(stubbed, users, "admin todo-test todo-test.b")
    assert written(run) == []
    assert "user todo-test.b has its place already (a rotation was not finished)" in run.text
    begun = {key: text for key, text in users.items() if ".old_" not in key}
    checked = rotated(stubbed, begun, "", "--check")
    assert "would make user todo-test beside todo-test.b at the broker" in checked.text


def test_where_the_namespace_begins_topics_it_is_said(stubbed: Stubbed) -> None:
    hosts = {"platform": {"kafka_topics": {"platform_role": "kafka_topics"}}}
    made = {"todo.cloud.kafka_topic": {"changed": True, "changes": ["todo-testreminders: created with 3 partitions"]}}
    for scoped in (True, False):
        given: dict[str, Any] = {
            "services_components": {"kafka": {"topicsPerEnvironment": scoped}},
            "services_broker": True,
            "kafka_topics_extra": {"reminders": {}},
        }
        run = stubbed.run("platform", inventory(hosts, **IN_CLUSTER, **given), answers=made)
        assert "topic todo-testreminders: created with 3 partitions" in run.text, run.output
        assert ("Dapr puts the namespace (todo-test) before the name of each topic" in run.text) is scoped
