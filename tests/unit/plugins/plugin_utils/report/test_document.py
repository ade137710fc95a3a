"""What a run did, as one document: it fits its schema, and nothing in it is secret, endless or a command."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.plugin_utils.report.document import About, Told, document_of, safe
from jsonschema import Draft202012Validator

from tests.schemas import REPORT, SCHEMAS
from tests.support import reported
from tests.support.fake_environment import A2, BAD, C1, C2, World, deployed

NOTHING = About(["x.yml"], 0, 1)


def fitting(document: dict[str, Any]) -> dict[str, Any]:
    schema = json.loads((SCHEMAS / REPORT).read_text())
    Draft202012Validator.check_schema(schema)
    assert [error.message for error in Draft202012Validator(schema).iter_errors(document)] == []
    json.dumps(document)
    return document


@pytest.mark.parametrize(
    ("name", "outcome", "sentence"),
    [
        ("verified", "ok", "staging: 2 verified, 4 unchanged. The environment is at release set 12."),
        ("planned", "planned", "staging: 2 to change, 4 unchanged; 1 in the way."),
        ("failed", "failed", "backend-api: container backend-api exits with code 3 (CrashLoopBackOff, 3 restarts): "
         "KeyError: 'REMINDERS_TOPIC'; the whole set is back at what was verified (release set 12)."),
        ("refused", "failed", "2 things stand in the way of this deployment, nothing was changed."),
        ("hostile", "failed", None),
    ],
)  # fmt: skip
def test_the_outcome_in_one_sentence(name: str, outcome: str, sentence: str | None) -> None:
    document = fitting(getattr(reported, name)())
    assert document["outcome"] == outcome
    assert sentence is None or document["sentence"] == sentence


def of_world(world: World, *waves: Any, **settings: Any) -> dict[str, Any]:
    """The document of a real result of release_apply."""
    error = world.fails(*waves, **settings)
    result = {"failed": True, "msg": str(error), "failure": error.failure.as_result(), **error.results}
    lost = {"host": "api", "task": "Deploy", "message": error.failure.message, "result": result}
    return fitting(document_of(Told([lost], [result]), NOTHING))


def test_what_release_apply_returns_becomes_a_report() -> None:
    document = of_world(deployed(), {"components": C2}, {"api": BAD}, diff=True)
    assert document["failures"][0]["code"] == "crash_loop"
    became = "the whole set is back at what was verified (release set 1, recorded anew as 2)."
    assert document["failures"][0]["became"] == became
    assert len(document["failures"]) == 1, "it is told once, with what became of it"
    assert [(row["name"], row["outcome"]) for row in document["releases"]] == [
        ("components", "restored"), ("api", "restored"),
    ]  # fmt: skip
    assert "+      - image: r/api:bad" in document["diff"][1]["text"]
    planned = deployed().apply({"components": C1}, {"api": A2}, check=True, diff=True).as_result()
    assert fitting(document_of(Told([], [planned]), NOTHING))["sentence"] == "1 to change, 1 unchanged."


def test_nothing_failed_and_nothing_matched() -> None:
    assert fitting(document_of(Told(), NOTHING))["sentence"] == "nothing failed."
    assert fitting(document_of(Told(), About(["x.yml"], 0, 1, hosts=0)))["outcome"] == "nothing"


def test_a_failure_of_another_module_has_what_its_program_said() -> None:
    lost = {"host": "h", "task": "Run", "message": "it fails", "result": {"msg": "it fails", "stderr": "a\nb\n"}}
    found = fitting(document_of(Told([lost, {**lost, "host": "i"}]), NOTHING))["failures"]
    assert [(each["code"], each["details"]) for each in found] == [("", {"log_tail": ["a", "b"]})], "once"
    hidden = {"host": "h", "task": "Run", "message": "its output is hidden (no_log)", "result": {}}
    assert fitting(document_of(Told([hidden]), NOTHING))["failures"][0]["details"] == {}


def test_texts_are_masked_printable_and_bounded() -> None:
    text = json.dumps(reported.hostile(), ensure_ascii=False)
    assert "hunter2" not in text
    assert "\\u001b" not in text, "JSON writes it so"
    assert "\u202e" not in text
    assert "::set-output" not in text
    assert len(text) < 100_000
    began = time.process_time()
    safe({"log": ["password=" * 200_000, "\x1b[31m" * 200_000, "::" * 500_000]})
    assert time.process_time() - began < 20, "linear"
    assert safe([None, True, 1.5, {1: object}])[:3] == [None, True, 1.5]
