# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import (
    Code,
    Failure,
    TodoCloudError,
    error,
    one_or_many,
)
from ansible_collections.todo.cloud.plugins.module_utils.readiness.graces import DEFAULT_GRACES

TOP = Path(__file__).resolve().parents[4]
TABLES = (TOP / "docs/failure-codes.md").read_text()


def test_the_table_for_readers_has_every_code_once() -> None:
    rows = re.findall(r'^\| <a id="(\w+)"></a>`\1` \|', TABLES, re.MULTILINE)
    assert sorted(rows) == sorted(code.value for code in Code)


def test_every_code_is_used() -> None:
    files = [path for path in (TOP / "plugins").rglob("*.py") if path.name != "failure.py"]
    source = "".join(path.read_text() for path in files)
    unused = [code for code in Code if not re.search(rf'\bCode\.{code.name}\b|"{code.value}"', source)]
    assert not unused


@pytest.mark.parametrize(
    ("names", "text"), [(["web"], "web is back"), (["api", "web"], "api, web are back"), ([], " are back")]
)
def test_a_sentence_fits_one_name_and_many(names: list[str], text: str) -> None:
    assert one_or_many(iter(names), "{} is back", "{} are back") == text


@pytest.mark.parametrize("grace", DEFAULT_GRACES)
def test_the_table_for_readers_has_every_grace_with_its_default(grace: str) -> None:
    assert re.search(rf"\b{DEFAULT_GRACES[grace]:.0f}\b[^|]*\(`{grace}`\)", TABLES)


@pytest.mark.parametrize("grace", DEFAULT_GRACES)
def test_the_option_documents_every_grace_with_its_default(grace: str) -> None:
    fragment = (TOP / "plugins/doc_fragments/wait_options.py").read_text()
    assert f"V({grace}) {DEFAULT_GRACES[grace]:.0f}" in fragment


def test_failure_as_result_is_plain_json() -> None:
    failure = Failure(Code.CRASH_LOOP, "x: it ends", {"exit_code": 1})
    assert failure.as_result() == {"code": "crash_loop", "message": "x: it ends", "details": {"exit_code": 1}}
    assert type(failure.as_result()["code"]) is str


def test_error_carries_failure_and_results() -> None:
    exc = error(Code.INVALID_INPUT, "No such option.", option="to")
    assert str(exc) == "No such option."
    assert exc.failure.details == {"option": "to"}
    assert TodoCloudError(exc.failure, {"verdict": "Failed"}).results == {"verdict": "Failed"}
