"""A role's description becomes a release, or a sentence that says what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digest import wanted_key
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.labels import INPUTS, REVISION, WATCHED
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import (
    ReleaseSpec,
    Watch,
    parse_waves,
    watched_label,
)

CHART = str(Path(__file__).parents[5] / "tests" / "fixtures" / "charts" / "sleeper")
RAW: dict[str, Any] = {"name": "api", "namespace": "ns", "chart": CHART, "values": {"text": "x"}}
SECRET = Watch("Secret", "database")


def test_the_release_whose_chart_is_not_there_is_named() -> None:
    with pytest.raises(TodoCloudError, match=r"^api: There is no chart at /no/chart") as caught:
        ReleaseSpec.parse({**RAW, "chart": "/no/chart"})
    assert caught.value.failure.code is Code.CHART_INVALID


def test_parse() -> None:
    spec = ReleaseSpec.parse({**RAW, "watches": [{"kind": "Secret", "name": "database"}], "app_id": "api"}, 2)
    assert (spec.name, spec.wave, spec.app_id, spec.watches) == ("api", 2, "api", (SECRET,))
    assert len(spec.inputs) == len(spec.chart_digest) == 40


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "Backend_API"}, "is not a valid release name"),
        ({"name": "x" * 54}, "at most 53"),
        ({"name": None}, "is not a valid release name"),
        ({"namespace": ""}, "namespace is missing"),
        ({"chart": None}, "chart is missing"),
        ({"values": ["x"]}, "must be a dictionary"),
        ({"values": {"a": {"password": 12345678}}}, "api: The value 'a.password' is a number"),
        ({"values": {"a": "\ud800"}}, "api: The values cannot be given to Helm: 'a' is text that is not Unicode"),
        ({"files": "values.yaml"}, "files is a list of values files"),
        ({"files": ["/none.yaml"]}, "api: The values file /none.yaml cannot be read"),
        ({"chart": "repo/app", "chart_version": "^1.2.3"}, "is not an exact version"),
        ({"chart": "charts/x"}, "api: The chart 'charts/x' is not on this machine: there is no /"),
        ({"graces": {"crash": 1}}, "api: graces has no class 'crash'"),
        ({"graces": ["crash_loop"]}, "api: graces is a dictionary of seconds"),
        ({"stability_seconds": "soon"}, "api: stability_seconds is a number"),
        ({"stability_seconds": -1}, "api: stability_seconds is -1"),
        ({"vaules": {}}, "unknown key vaules"),
        ({"watches": [{"kind": "Pod", "name": "x"}]}, "a watch is a kind"),
        ({"watches": ["x"]}, "a watch is a kind"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(TodoCloudError, match=words) as caught:
        ReleaseSpec.parse({**RAW, **change})
    assert caught.value.failure.code is Code.INVALID_INPUT


def test_nothing_optional_is_needed() -> None:
    spec = ReleaseSpec.parse(
        {"name": "api", "namespace": "ns", "chart": CHART, "watches": None, "app_id": None, "values": None}
    )
    assert (spec.values, spec.watches, spec.app_id) == ({}, (), "")


def test_a_watched_object_is_an_annotation_of_the_pods_and_no_part_of_the_inputs() -> None:
    raw = {**RAW, "values": {"podAnnotations": {"a": "b"}}, "watches": [{"kind": "Secret", "name": "database"}]}
    spec, other = ReleaseSpec.parse(raw), ReleaseSpec.parse({**raw, "watches": []})
    assert spec.inputs == other.inputs
    values = spec.helm_values({SECRET: "abc"})
    assert values["podAnnotations"] == {"a": "b", WATCHED: "Secret/database=abc"}
    assert raw["values"] == {"podAnnotations": {"a": "b"}}, "what was given is left alone"
    assert "podAnnotations" not in ReleaseSpec.parse(RAW).helm_values({})


def test_a_changed_watched_object_is_another_wish_and_a_missing_one_too() -> None:
    spec = ReleaseSpec.parse({**RAW, "watches": [{"kind": "Secret", "name": "database"}]})
    keys = {
        spec.wanted({SECRET: "abc"}),
        spec.wanted({SECRET: "abd"}),
        spec.wanted({}),
        ReleaseSpec.parse(RAW).wanted({}),
    }
    assert len(keys) == 4


def test_labels_are_valid_and_say_which_revision_was_meant() -> None:
    spec = ReleaseSpec.parse(RAW)
    labels = spec.labels({}, "staging", 7)
    assert labels[REVISION] == "7"
    assert labels[INPUTS] == spec.inputs
    assert labels[WATCHED] == "none"
    assert all(len(value) <= 63 for value in labels.values())
    assert wanted_key(labels[INPUTS], labels[WATCHED]) == spec.wanted({})
    assert watched_label("") == "none"
    assert "todo.cloud/environment" not in spec.labels({}, "", 1)


def test_waves_keep_their_order_and_empty_ones_go() -> None:
    waves = parse_waves([[{**RAW, "name": "a"}], [], [{**RAW, "name": "b"}, {**RAW, "name": "c"}]], "ns")
    assert [[s.name for s in wave] for wave in waves] == [["a"], ["b", "c"]]
    assert waves[1][0].wave == 2


def test_a_release_is_named_once_and_lives_in_the_environment() -> None:
    with pytest.raises(TodoCloudError, match="occurs twice"):
        parse_waves([[RAW], [RAW]], "ns")
    with pytest.raises(TodoCloudError, match="is in 'other'"):
        parse_waves([[RAW]], "other")


def test_other_values_give_the_inputs_that_parsing_them_gives() -> None:
    raw = {**RAW, "rollback_floor": "1.4.0"}
    changed = ReleaseSpec.parse(raw).with_values({"text": "y"})
    assert changed == ReleaseSpec.parse({**raw, "values": {"text": "y"}})


def test_values_files_are_inputs_like_values(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("text: y\nreplicas: 0o2\n")
    spec = ReleaseSpec.parse({**RAW, "files": [str(file)]})
    assert spec.values == {"text": "x", "replicas": 2}
    assert spec.inputs == ReleaseSpec.parse({**RAW, "values": {"text": "x", "replicas": 2}}).inputs


def test_patience_is_no_input() -> None:
    spec = ReleaseSpec.parse({**RAW, "graces": {"crash_loop": 60}, "stability_seconds": "10"})
    assert (spec.patience.graces, spec.patience.stability_seconds) == ({"crash_loop": 60.0}, 10.0)
    assert spec.inputs == ReleaseSpec.parse({**RAW, "graces": {}, "stability_seconds": ""}).inputs
