# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is shown of a failure, whatever a result holds."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.callback.summary import reason
from ansible_collections.todo.cloud.plugins.module_utils.planning.diff import manifest_diffs
from ansible_collections.todo.cloud.plugins.plugin_utils.evidence import evidence, message, new_objects

CRASH = {"code": "crash_loop", "message": "api: it crashes", "details": {"pod": "api-x", "container": "app"}}


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"msg": "api: it crashes; all is back.", "failures": [CRASH]}, ["pod api-x, container app"]),
        ({"msg": "two failed", "failures": [CRASH]}, ["api: it crashes", "pod api-x, container app"]),
        ({"msg": "x", "failure": {"message": "x", "details": {"log_tail": [], "previous_log_tail": list("abcdefgh")}}},
         [f"log: {letter}" for letter in "cdefgh"]),
        ({"msg": "x", "failure": {"message": "x", "details": {
            "log_tail": ["WARN slow: a", *(f"trying again in {n} s" for n in range(40)), *list("abcdef")],
         }}}, ["log: WARN slow: a", *(f"log: {letter}" for letter in "bcdef")]),
        ({"msg": "x", "failure": {"message": "x", "details": {
            "log_tail": ["WARN slow: a", *(f"trying again in {n} s {'x' * 500}" for n in range(40))],
         }}}, ["log: WARN slow: a", f"log: trying again in 39 s {'x' * 379} … (121 more characters) (x 40)"]),
        ({"msg": "x", "failures": [{"message": "x"}] * 7}, ["and 3 failures more"]),
        ({"msg": "x", "rc": 1, "stderr": "one\n\ntwo\n"}, ["one", "two"]),
        ({"msg": "x", "rc": 1, "stderr": "the reason\n"}, []),
        ({"censored": "hidden", "msg": "x", "failure": CRASH}, []),
        ({"msg": "m", "failure": {"message": "m", "details": {"events": [
            {"reason": "BackOff", "message": "again", "count": 4}, {"reason": "Pulled", "message": "it", "count": 1},
         ]}}}, ["event: BackOff: again (4 times)", "event: Pulled: it"]),
    ],
)  # fmt: skip
def test_evidence(result: dict[str, Any], expected: list[str]) -> None:
    assert list(evidence(result)) == expected


def test_problems_are_listed_once() -> None:
    problem = {"release": "api", "message": "no image", "remedy": "create it"}
    one = {"msg": "One thing stands in the way: api: no image.", "failure": {"details": {"problems": [problem]}}}
    two = {"msg": "2 things stand in the way: a; b.", "failure": {"details": {"problems": [problem, problem]}}}
    assert (reason(one), list(evidence(one))) == (one["msg"], [])
    assert (reason(two), list(evidence(two))) == ("2 things stand in the way", ["api: no image: create it"] * 2)


def test_messages() -> None:
    assert message({"msg": "one\ntwo"}) == ["one", "two"]
    assert message({"msg": ["one", 2, "\x1b[31mred ::error::x"]}) == ["one", "2", "red : :error::x"]
    assert message({"msg": {"a": 1}}) is message({"groups": ["a"]}) is None
    assert message({"msg": "x", "censored": "hidden"}) == ["its output is hidden (no_log)"]


def test_objects_of_a_release_that_is_new_are_a_line() -> None:
    images = (f"ghcr.io/acme/shop:v1@sha256:{'7' * 64}", "busybox:1.37", "busybox:1.37")
    pod = {"containers": [{"name": f"c{n}", "image": image} for n, image in enumerate(images)]}
    shop = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "other"}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": pod},
    ]
    text = "\n---\n".join(map(json.dumps, shop))
    new = manifest_diffs("shop", "", 0, text, "wanted")
    changed = manifest_diffs("web", "", 3, text, "wanted")
    assert new_objects([*new, *changed, "odd", {}]) == (
        ["shop: Deployment/shop (ghcr.io/acme/shop:v1@sha256:777777777777, busybox:1.37), ConfigMap/settings in other"],
        [*changed, "odd", {}],
    )
    assert new_objects(changed) == ([], changed)


def test_any_result_can_be_shown() -> None:
    pick = random.Random(23)

    def thing(depth: int = 0) -> Any:
        plain = [None, 0, True, "", "x\n\x1b[2Jy", 1.5, b"x"]
        if depth > 4 or pick.random() < 0.4:
            return pick.choice(plain)
        if pick.random() < 0.4:
            return [thing(depth + 1) for _ in range(pick.randrange(4))]
        return {pick.choice(KEYS): thing(depth + 1) for _ in range(pick.randrange(6))}

    for _ in range(2000):
        result = {key: thing() for key in KEYS if pick.random() < 0.6}
        for line in (*evidence(result), reason(result), *(message(result) or [])):
            assert "\x1b" not in line
            assert "\n" not in line


KEYS = ("msg", "failure", "failures", "details", "problems", "pod", "container", "log_tail", "previous_log_tail",
        "events", "reason", "message", "remedy", "release", "count", "rc", "stderr", "stdout", "results")  # fmt: skip
