"""The short form of ``make fuzz``: 100 inputs of each target, always the same ones; and the frame itself."""

from __future__ import annotations

import json
from random import Random

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, error

from tests.fuzz.frame import Target, all_targets, escapes, input_of
from tests.fuzz.mutations import mutated

SEED = 1
TARGETS = all_targets()


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_escapes(name: str) -> None:
    assert [str(each) for each in escapes(TARGETS[name], SEED, range(100))] == []


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_of_a_target_are_good_inputs(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].attempt(seed)


def attempt(given: object) -> None:
    match given:
        case "refused":
            raise error(Code.INVALID_INPUT, "a sentence")
        case "escapes":
            raise KeyError("x")
        case "hangs":
            while True:
                pass


def test_another_exception_and_a_hanging_input_are_escapes_a_sentence_is_none() -> None:
    target = Target("frame", ("fine", "refused", "escapes", "hangs"), attempt, seconds=0.2)
    assert [(each.number, each.problem[:9]) for each in escapes(target, SEED, range(4))] == [
        (2, "KeyError:"), (3, "it took l"),
    ]  # fmt: skip


def test_an_input_follows_from_seed_and_number() -> None:
    target = Target("frame", ({"a": [1, "x", {"b": "c"}]},), attempt)
    once, again = ([repr(input_of(target, SEED, number)) for number in range(50)] for _ in range(2))
    assert once == again
    assert len(set(once)) > 25


def test_json_in_a_text_is_changed_inside_too() -> None:
    seed = {"text": json.dumps({"deep": {"er": [1, 2, 3]}})}
    found = [mutated(Random(number), seed) for number in range(200)]
    texts = [each["text"] for each in found if isinstance(each, dict) and isinstance(each.get("text"), str)]
    parsed = []
    for text in texts:
        try:
            parsed.append(json.loads(text))
        except (ValueError, RecursionError):
            continue
    assert 50 < len(parsed) < len(texts)
    assert seed == {"text": '{"deep": {"er": [1, 2, 3]}}'}
