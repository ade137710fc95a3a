# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules of one's own: their form is checked before anything is written, and they count more than the built-in ones."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.readiness.kinds import status_of
from ansible_collections.todo.cloud.plugins.module_utils.readiness.rules import Rules, is_custom


def widget(status: dict[str, Any] | None = None, api: str = "example.org/v1") -> dict[str, Any]:
    return {"apiVersion": api, "kind": "Widget", "metadata": {"name": "w"}, **({"status": status} if status else {})}


OWN = Rules.from_option(
    {"example.org/Widget": {
        "ready": "status.lamp == 'green'", "failed": "status.lamp == 'red'", "suspended": "status.lamp == 'off'",
        "progressing": "status.lamp == 'blinking'", "message": "status.why",
    }}
)  # fmt: skip


@pytest.mark.parametrize(
    ("lamp", "expected"),
    [("green", "Current"), ("red", "Failed"), ("off", "Suspended"), ("blinking", "InProgress"), ("blue", "InProgress")],
)
def test_expressions_in_their_order(lamp: str, expected: str) -> None:
    found = status_of(widget({"lamp": lamp, "why": "because"}), rules=OWN)
    assert (found.state, found.message) == (expected, "because")


def test_a_stall_of_an_older_generation_does_not_count() -> None:
    """Flux's sources: what was corrected is looked at anew, and until then says Stalled."""
    stalled = {"type": "Stalled", "status": "True", "reason": "URLInvalid", "observedGeneration": 1}
    ready = {"type": "Ready", "status": "False", "reason": "URLInvalid", "observedGeneration": 1}
    obj: dict[str, Any] = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"generation": 2},
        "status": {"conditions": [stalled, ready]},
    }
    assert status_of(obj).state == "InProgress"
    obj |= {"metadata": {"generation": 1}}
    assert status_of(obj).state == "Failed"


def test_ones_own_rule_counts_more_than_the_tables_and_than_kstatus() -> None:
    rules = Rules.from_option({"argoproj.io/Rollout": {"ready": "status.phase == 'Paused'"}})
    rollout = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "r"},
               "status": {"phase": "Paused", "conditions": [{"type": "Stalled", "status": "True"}]}}  # fmt: skip
    assert status_of(rollout).state == "Failed"
    assert status_of(rollout, rules=rules).state == "Current"


@pytest.mark.parametrize(
    ("key", "counts"),
    [("example.org/Widget", True), ("example.org/*", True), ("*.org/Widget", True), ("*.org/*", True),
     ("example.com/Widget", False), ("Widget", False), ("*.example.org/*", False)],
)  # fmt: skip
def test_keys(key: str, counts: bool) -> None:
    found = status_of(widget({"x": 1}), rules=Rules.from_option({key: {"failed": "status.x"}}))
    assert (found.state == "Failed") is counts


def test_the_most_specific_key_counts() -> None:
    rules = Rules.from_option({"*.org/*": {"failed": "status"}, "example.org/Widget": {"ready": "status"}})
    assert status_of(widget({"x": 1}), rules=rules).state == "Current"


def test_a_kind_whose_controller_writes_no_status() -> None:
    rules = Rules.from_option({"example.org/*": {"no_status": True}})
    assert status_of(widget(), rules=rules).state == "Current"
    assert not status_of(widget(), rules=rules).judged
    assert rules.is_silent("example.org", "Widget", reports=True)
    assert not Rules().is_silent("example.org", "Widget", reports=True)
    assert Rules().is_silent("example.org", "Widget", reports=False)
    assert not OWN.is_silent("example.org", "Widget", reports=False)


def test_ready_without_any_status() -> None:
    rules = Rules.from_option({"example.org/Widget": {"ready": "metadata.name == 'w'"}})
    assert status_of(widget(), rules=rules).state == "Current"


@pytest.mark.parametrize(("lamp", "expected"), [("green", "Current"), ("red", "Failed"), ("blue", "InProgress")])
def test_a_kind_without_a_status_subresource_by_its_spec(lamp: str, expected: str) -> None:
    rules = Rules.from_option({"example.org/Widget": {"ready": "spec.lamp=='green'", "failed": "spec.lamp=='red'"}})
    assert status_of({**widget(), "spec": {"lamp": lamp}}, rules=rules, reports=False).state == expected


def test_a_built_in_kinds_name_in_another_group_is_a_custom_resource() -> None:
    assert is_custom({"apiVersion": "apps.kruise.io/v1beta1", "kind": "StatefulSet"})
    assert not is_custom({"apiVersion": "apps/v1", "kind": "StatefulSet"})
    assert not is_custom({"apiVersion": "v1", "kind": "Pod"})


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"example.org/Widget": {"ready": "status.["}}, r"readiness_rules.example.org/Widget.ready: .* JMESPath"),
        ({"example.org/Widget": {"raedy": "status"}}, "has no key 'raedy'"),
        ({"example.org/Widget": {"ready": True}}, "is not text"),
        ({"example.org/Widget": {"no_status": "yes"}}, "is not true or false"),
        ({"example.org/Widget": "status"}, "is not a map of expressions"),
        ({"example.org/Widget": {}}, "says nothing"),
        ({"example.org/v1/Widget": {"ready": "status"}}, "is not a kind"),
        ({"bad kind": {"ready": "status"}}, "is not a kind"),
        (["x"], "is not a map of kinds"),
    ],
)
def test_what_is_malformed_is_refused_by_name(option: Any, says: str) -> None:
    with pytest.raises(TodoCloudError, match=says) as caught:
        Rules.from_option(option)
    assert caught.value.failure.code is Code.INVALID_INPUT
    assert str(caught.value.failure.details["option"]).startswith("readiness_rules")


@pytest.mark.parametrize("option", [None, {}])
def test_none_are_given(option: Any) -> None:
    assert Rules.from_option(option) == Rules()


def test_a_message_is_one_short_line() -> None:
    found = status_of(widget({"lamp": "red", "why": "a\n" * 900}), rules=OWN)
    assert len(found.message) <= 300
    assert "\n" not in found.message
