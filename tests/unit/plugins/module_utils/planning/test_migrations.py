"""What a migration's release is made of."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.planning.migrations import (
    Migration,
    expanded,
    job_values,
)
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import ReleaseSpec, parse_waves

from tests.support.fake_environment import CHART

VALUES = {
    "environment": "staging", "image": "r/api:v1", "imagePullSecrets": ["registry"], "env": {"A": "1"},
    "envFrom": [{"secret": "app"}], "secretEnv": {"URL": {"secret": "database", "key": "url"}},
    "security": {"user": 1000}, "serviceAccount": {"annotations": {"iam": "role"}}, "replicas": 3, "port": 3000,
    "args": ["serve"], "dapr": {"annotations": {"dapr.io/enabled": "true"}}, "exposure": {"api": "ingress"},
    "podAnnotations": {"todo.cloud/components": "x", "mesh/inject": "false", "prometheus.io/scrape": "true"},
    "networkPolicy": {"access": ["database", "public"], "ingressFrom": ["web"], "egressTo": ["x"], "internet": True},
}  # fmt: skip


def waves(said: Any, **values: Any) -> list[list[ReleaseSpec]]:
    raw = {"name": "api", "namespace": "ns", "chart": CHART, "values": {**VALUES, **values}, "migrations": said}
    return parse_waves([[{**raw, "name": "web", "migrations": None}, raw]], "ns")


def test_it_has_what_the_service_has_and_nothing_that_serves() -> None:
    (migration,), services = waves({"command": ["up"], "timeout": 60})
    assert [spec.name for spec in services] == ["web", "api"]
    assert (migration.name, migration.wave, services[0].wave) == ("api-migration", 0, 1)
    assert migration.values == {
        "environment": "staging", "image": "r/api:v1", "imagePullSecrets": ["registry"], "env": {"A": "1"},
        "envFrom": [{"secret": "app"}], "secretEnv": {"URL": {"secret": "database", "key": "url"}},
        "security": {"user": 1000}, "serviceAccount": {"annotations": {"iam": "role"}},
        "podAnnotations": {"mesh/inject": "false"}, "kind": "Job", "command": ["up"],
        "job": {"backoffLimit": 0, "activeDeadlineSeconds": 90},
        "networkPolicy": {"access": ["database"], "internet": True},
    }  # fmt: skip


def test_its_inputs_are_its_image_and_command() -> None:
    first = waves({"command": ["up"]})[0][0]
    for said, values, same in (
        ({"command": ["up"], "timeout": 9, "reversible": False}, {"env": {"A": "2"}}, True),
        ({"command": ["up", "1"]}, {}, False),
        ({"command": ["up"]}, {"image": "r/api:v2"}, False),
    ):
        assert (waves(said, **values)[0][0].inputs == first.inputs) is same
    tags = [first.with_values({**first.values, "image": f"r/api:{tag}@sha256:ab"}).inputs for tag in ("v1", "v1.0")]
    assert tags[0] == tags[1] != first.inputs, "the digest counts where it is known"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (["up"], "migrations is a dictionary"),
        ({"comand": ["up"]}, "migrations is a dictionary of command, image, reversible, timeout, when"),
        ({"command": "up"}, "migrations.command is a list of words"),
        ({"command": ["up"], "when": "later"}, "migrations.when is before or after, not 'later'"),
        ({"command": ["up"], "timeout": 0}, "migrations.timeout is a number of seconds, not 0"),
    ],
)
def test_mistakes(said: Any, message: str) -> None:
    with pytest.raises(TodoCloudError, match=f"^api: {message}"):
        waves(said)


def test_a_chart_whose_values_say_no_image_has_none() -> None:
    with pytest.raises(TodoCloudError, match="migrations need a release of the chart `service`"):
        waves({"command": ["up"]}, image={"tag": "v1"})


def test_labels_and_words() -> None:
    migration = Migration.parse({"command": ["sh", "-c", "a b"], "when": "after", "reversible": False}, "api")
    assert migration.labels == {"todo.cloud/migration": "api", "todo.cloud/reversible": "false"}
    assert migration.describe() == """runs "sh -c 'a b'" once, after api; no rollback of api to versions before it"""
    assert job_values({"image": "x"}, ["up"], 5)["networkPolicy"] == {"access": []}


@pytest.mark.parametrize("release", ["api", None, ["api"]])
def test_a_release_that_is_no_dictionary(release: Any) -> None:
    with pytest.raises(TodoCloudError, match="wave 2: a release is a dictionary with a name, a chart and values"):
        list(expanded([[], [release]]))


def test_values_of_other_types_are_left_to_the_chart() -> None:
    found = job_values({"image": "x", "networkPolicy": ["odd"], "podAnnotations": ["odd"]}, ["go"], 5)
    assert found["networkPolicy"] == {"access": []}
