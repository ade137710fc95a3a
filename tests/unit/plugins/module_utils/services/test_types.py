"""Types of values: what fits, what is said of what does not, and the JSON schema that says the same."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.services.types import (
    Either,
    Free,
    Key,
    ListOf,
    MapOf,
    Number,
    Plain,
    Struct,
    Switch,
    Text,
    Type,
    Word,
    check,
    is_template,
    nearest,
)
from jsonschema import Draft202012Validator

INNER = Struct((Key("min", Number(1, 9), "Fewest."), Key("later", Text(), "Later.", later="not yet.")))
ANY: Type = Either((Number(0, 9), INNER))

GOOD: list[tuple[Type, Any]] = [
    (Text(), "x"), (Text("a path", "^/"), "/x"), (Number(1, 9), 9), (Switch(), False), (Word(("none",)), "none"),
    (Plain(), 1.5), (Plain(), True), (Free(), {"any": [1]}), (ListOf(Text()), []), (MapOf(Plain()), {"a": 1}), (ANY, 3),
    (ANY, {"min": 1}),
]  # fmt: skip
BAD: list[tuple[Type, Any, str]] = [
    (Text(), 1, "x is a number; it takes text."),
    (Text("a path", "^/"), "y", "x is 'y', which is not a path."),
    (Number(1, 9), True, "x is true; it takes number, 1 to 9."),
    (Number(1, 9, "port"), 10, "x is 10, which is not a port, 1 to 9."),
    (Switch(), "yes", "x is text; it takes true or false."),
    (Word(("job", "cronjob")), "cronjobs", "x is 'cronjobs'; it takes `job` or `cronjob`; did you mean 'cronjob'?"),
    (Plain(), [], "x is a list; it takes text, number, true or false."),
    (Free(), None, "x is empty; it takes dictionary."),
    (ListOf(Text()), "a", "x is text; it takes list of text."),
    (ListOf(Text()), ["a", 1], "x[1] is a number; it takes text."),
    (MapOf(Plain(), Text("a name", "^[a-z]+$")), {"1": 1}, "x: the key 1 is '1', which is not a name."),
    (MapOf(Text()), {"a": 1}, "x.a is a number; it takes text."),
    (ANY, {"mini": 1}, "x has no key 'mini'; did you mean 'min'?"),
    (ANY, {"later": "x"}, "x.later: not yet."),
    (ANY, "x", "x is text; it takes number, 0 to 9, or dictionary of `min`, `later`."),
    (Struct((Key("a", Text(), "", required=True),)), {}, "x.a is missing."),
]


@pytest.mark.parametrize(("kind", "value"), GOOD)
def test_what_fits_is_taken(kind: Type, value: Any) -> None:
    assert list(check(kind, value, "x")) == []
    assert Draft202012Validator(kind.schema()).is_valid(value)


@pytest.mark.parametrize(("kind", "value", "said"), BAD, ids=[said for _, _, said in BAD])
def test_what_does_not_fit_is_said_with_its_path(kind: Type, value: Any, said: str) -> None:
    assert list(check(kind, value, "x")) == [said]
    assert not Draft202012Validator(kind.schema()).is_valid(value)


@pytest.mark.parametrize("kind", [kind for kind, _ in GOOD])
def test_a_template_fits_everywhere(kind: Type) -> None:
    assert list(check(kind, "{{ other }}", "x")) == []


def test_a_template_is_what_ansible_fills_in() -> None:
    filled_in = ("{{ a }}", "{% if a %}", "{# a #}", "{a}", 1)
    assert [is_template(value) for value in filled_in] == [True, True, True, False, False]


def test_no_key_is_filled_in() -> None:
    kind = MapOf(Plain(), Text("a name", "^[a-z]+$"))
    (said,) = check(kind, {"{{ a }}": 1}, "x")
    assert said.endswith("which is not a name.")


@pytest.mark.parametrize("value", ["ab\n", "a\nb", "a" * 5000, "\n"])
def test_a_pattern_is_for_the_whole_text(value: str) -> None:
    """``$`` alone fits before a line feed at the end; such a name of a variable would be written into a pod."""
    (said,) = check(Text("a name", "^[a-z]+$"), value, "x")
    assert said.endswith("which is not a name.")


def test_long_texts_take_no_time() -> None:
    """Names of hosts have parts that repeat in parts that repeat."""
    host = Text("a host name", r"^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$")
    assert list(check(host, "a" * 10_000_000 + "!", "x"))


def test_only_a_near_name_is_suggested() -> None:
    assert nearest("prot", ["port", "env"]) == "; did you mean 'port'?"
    assert nearest("volumes", ["port", "env"]) == ""


def test_what_may_be_a_secret_is_not_shown() -> None:
    reference = Text("secret/key", "/", secret=True)
    for kind, value in ((reference, "hunter2"), (MapOf(reference), "hunter2"), (MapOf(reference), {"a": "hunter2"})):
        (said,) = check(kind, value, "x")
        assert "hunter2" not in said
    assert list(check(Number(0, 1), object(), "x")) == ["x is something else; it takes number, 0 to 1."]
