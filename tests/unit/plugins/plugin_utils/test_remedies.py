# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to do about a failure. That each section is the one with the message: tests/unit/test_operations_page.py."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.plugin_utils.remedies import remedies, remedy_of

PULL = {"code": "image_pull", "message": "api: image r/api:v1 of container app cannot be pulled: not found"}
UNREADY = "web: container app runs but is not ready (readiness probe GET :80/x; HTTP probe failed with statuscode: %d)"
PAGE = "https://github.com/todo-app/todo.cloud/blob/main/docs/operations.md#"


def section(failure: dict[str, Any]) -> str:
    found = remedy_of(failure)
    return found.section if found else ""


def test_words_and_a_link_to_the_section() -> None:
    assert [str(each) for each in remedies({"failure": PULL, "failures": [PULL]})] == [
        f"push the image, name another tag, or correct the pull Secret: {PAGE}an-image-cannot-be-pulled"
    ]


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        ({"code": "dependency_down", "details": {"dependency": "redis:6379"}}, ""),
        ({"code": "dependency_down", "details": {"dependency": "db.shop:5432"}},
         "The database refuses connections or does not answer in time"),
        ({"code": "platform_down", "details": {"dependency": "cluster DNS"}}, "The cloud or the cluster is down"),
        ({"code": "endpoint_down", "message": "https://x does not answer: status 503."}, ""),
        ({"code": "refused", "message": "the quota is exceeded"}, ""),
        ({"code": "crash_loop", "message": "api: container app exits with code 1 (Error, 1 restart)"},
         "A container ends again and again"),
        ({"code": "crash_loop", "message": "api: container app exits with code 1 (Error): connect to db:1: refused",
          "details": 7}, "The network between services is cut"),
        ({"code": "crash_loop", "message": "api: container app exits with code 1 (Error, 1 restart): "
          "ModuleNotFoundError: No module named 'x'"}, "A container ends again and again"),
        ({"code": "not_ready", "message": UNREADY % 404}, "A probe fails"),
        ({"code": "not_ready", "message": UNREADY % 503},
         "Some pods are updated, others do not become ready"),
        ({"code": "invalid_input", "message": "x"}, ""),
        ({"code": ["odd"], "details": {"dependency": 1}}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_sections(failure: dict[str, Any], expected: str) -> None:
    assert section(failure) == expected


def test_of_several_things_each_has_its_section() -> None:
    found = [PULL, {"code": "config_missing"}, {"code": "invalid_input"}, PULL, 3]
    refused = {"failure": {"code": "preflight_failed", "details": {"problems": found}}}
    assert [each.section for each in remedies(refused)] == [
        "An image cannot be pulled",
        "Secrets were rotated or changed",
    ]
    assert list(remedies({**refused, "censored": "hidden"})) == []
    odd: Any = ({"failures": 3}, {"failure": "x"}, {"failure": {"details": {"problems": 1}}}, {})
    assert [list(remedies(each)) for each in odd] == [[]] * 4


def test_of_a_loop_it_is_that_of_the_item_that_failed() -> None:
    assert [each.section for each in remedies({"results": [{}, {"failed": True, "failure": PULL}]})] == [
        "An image cannot be pulled"
    ]
