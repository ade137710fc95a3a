# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the last release promised still holds; and what breaks a promise is named."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.interface import PAGE, Facts, Names, breaks, current, deprecated, problems, released

GONE = "is gone: keep it as an alias, or deprecate it first"
MODE: Facts = {"type": "str", "choices": ["set", "release", "hold"], "default": "set", "aliases": ["kind"]}
TIMEOUT: Facts = {"type": "int", "default": 300}
BEFORE: Names = {
    "module apply": {},
    "module apply waves": {"type": "list", "elements": "dict"},
    "module apply waves.name": {"type": "str", "required": True},
    "module apply mode": MODE,
    "module apply timeout": TIMEOUT,
    "result apply": {},
    "result apply set": {"type": ["integer", "null"]},
    "chart kafka": {},
    "chart kafka users.*": {"type": ["object"]},
    "environment TODO_VERSION": {},
}


@cache
def names() -> Names:
    return current()


def test_nothing_that_the_last_release_had_is_broken() -> None:
    hint = "before 1.0.0: run make interface, and say it in a changelog fragment, as breaking_changes"
    assert problems() == [], hint


def test_the_record_holds_every_kind_of_name() -> None:
    for name in (
        "module release_apply waves",
        "module kafka_topic brokers",
        "module release_apply kubernetes.core.k8s_auth_options",
        "result release_apply set",
        "role kafka kafka_namespace",
        "playbook lock lock_of",
        "playbook rollback rollback_to",
        "filter image_ref",
        "lookup client_environment",
        "callback summary",
        "inventory services app",
        "chart service security.user",
        "inventory-variable release_on_failure",
        "variable services.*.health.ready",
        "failure crash_loop",
        "mark todo.cloud/environment",
        "environment TODO_VERSION",
    ):
        assert name in released()[1], name
        assert name in names(), name
    assert not [
        name for name in names() if re.search(r" _\w|TODO_CLOUD|^filter dashboard", name) and " _input" not in name
    ]


@pytest.mark.parametrize(
    ("name", "facts", "said"),
    [
        ("module apply", None, GONE),
        ("module apply waves", None, GONE),
        ("module apply waves.name", None, GONE),
        ("module apply timeout", {**TIMEOUT, "required": True}, "is required now: give it a default"),
        ("module apply timeout", {**TIMEOUT, "default": 60}, "has another default: 300 before, 60 now"),
        ("module apply timeout", {**TIMEOUT, "type": "str"}, "has another type: int before, str now"),
        ("module apply timeout", {**TIMEOUT, "choices": [300]}, "takes only some values now"),
        ("module apply mode", {**MODE, "choices": ["set", "hold"]}, "does not take release any more"),
        ("module apply mode", {**MODE, "aliases": []}, "has lost the alias kind"),
        ("module apply more", {"type": "str", "required": True}, "is new and required: give it a default"),
        ("chart kafka users.*.name", {"type": ["string"], "required": True}, "is new and required: give it a default"),
        ("result apply set", {"type": ["integer"]}, "has another type: integer or null before, integer now"),
        ("environment TODO_VERSION", None, GONE),
    ],
)
def test_what_breaks_is_named(name: str, facts: Facts | None, said: str) -> None:
    """Of a module that is gone nothing else is said."""
    now = {each: found for each, found in BEFORE.items() if facts is not None or not re.match(rf"{name}(?![\w])", each)}
    found = list(breaks(BEFORE, now | ({name: facts} if facts is not None else {})))
    assert len(found) == 1
    assert found[0].startswith(name)
    assert found[0].endswith(said)
    assert list(breaks(BEFORE, now | ({name: facts} if facts is not None else {}), [name])) in (
        [],
        found * ("new" in said),
    )


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("module apply more", {"type": "str", "default": ""}),
        ("module apply more", {"type": "str"}),
        ("module verify name", {"type": "str", "required": True}),
        ("module apply timeout", {"type": "float", "default": 300}),
        ("module apply mode", {**MODE, "choices": ["set", "release", "hold", "ask"]}),
        ("result apply more", {"type": ["string"]}),
        ("chart kafka retention", {"type": ["string"], "required": True, "default": "7d"}),
    ],
)
def test_what_only_adds_breaks_nothing(name: str, facts: Facts) -> None:
    assert list(breaks(BEFORE, {**BEFORE, name: facts})) == []


def test_a_renamed_option_keeps_its_old_name_as_an_alias() -> None:
    now = {name: facts for name, facts in BEFORE.items() if name != "module apply timeout"}
    renamed: Facts = {"type": "int", "default": 300, "aliases": ["timeout"]}
    assert list(breaks(BEFORE, {**now, "module apply patience": renamed})) == []


def test_what_is_deprecated_may_go_in_the_version_that_the_page_names() -> None:
    page = "| `module apply waves` | 1.2.0 | 2.0.0 | `releases` |\n| `role kafka` | 1.0.0 | 1.3.0 | a broker |\n"
    assert deprecated(page, "1.2.9") == []
    assert deprecated(page, "1.3.0-rc.1") == ["role kafka"]
    assert deprecated(page, "2.0.0") == ["module apply waves", "role kafka"]
    now = {name: facts for name, facts in BEFORE.items() if "waves" not in name}
    assert list(breaks(BEFORE, now, deprecated(page, "2.0.0"))) == []


def test_what_the_page_calls_deprecated_is_there() -> None:
    assert [name for name in deprecated(PAGE.read_text(), "999.0.0") if name not in released()[1]] == []


def test_of_the_real_record_each_loss_is_noticed() -> None:
    before = released()[1]
    assert list(breaks(before, {})), "whatever it is"
    lost = [name for name in before if name.count(" ") == 2][::97]
    assert len(lost) > 20
    for name in lost:
        now = {each: facts for each, facts in before.items() if each != name}
        assert next(breaks(before, now)).startswith(f"{name} is gone"), name
