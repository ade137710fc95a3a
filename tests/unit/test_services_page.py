"""The page and the editor's schema of `services` are those of the table of its keys."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.services.problems import problems
from ansible_collections.todo.cloud.plugins.module_utils.services.writing import with_entry
from jsonschema import Draft202012Validator

from tests.services_page import PAGE, SCHEMA, TOP, page, schema


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run: make schemas"


def test_the_schema_is_up_to_date() -> None:
    assert json.loads(SCHEMA.read_text()) == schema(), "run: make schemas"
    Draft202012Validator.check_schema(schema())


def test_the_schema_knows_what_is_refused() -> None:
    told = Draft202012Validator(schema())
    assert told.is_valid({"app": {}, "services": {"web": None, "api": {"port": 3000, "scale": 2}}, "other": 1})
    for template in ({"port": "{{ port }}"}, {"public": "{{ host }}"}, {"public": {"host": "a.b", "tls": "{{ tls }}"}}):
        assert told.is_valid({"services": {"web": template}}), template
    mistakes: list[dict[str, Any]] = [{"prot": 1}, {"topics": {}}, {"scale": "two"}, {"public": "a b"}]
    for wrong in mistakes:
        assert not told.is_valid({"services": {"web": wrong}})
    assert not told.is_valid({"services": {"back_end": {}}})


FILES = sorted(
    path
    for path in [*TOP.glob("examples/**/app.yml"), *TOP.glob("examples/**/group_vars/all/services.yml")]
    if {"app", "services"} & set(yaml.safe_load(path.read_text()))
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TOP / "examples")))
def test_the_examples_fit_the_schema_of_editors(path: Path) -> None:
    """As an editor reads them: Ansible's own tags aside, and values with templates are text."""
    found = list(Draft202012Validator(schema()).iter_errors(yaml.safe_load(path.read_text())))
    assert found == []


def test_there_are_examples() -> None:
    assert len(FILES) >= 5


def test_the_schema_that_an_example_names_is_there() -> None:
    """Where the example is, or where docs/your-own-services.md copies it to."""
    for path in FILES:
        for named in re.findall(r"yaml-language-server: \$schema=(\S+)", path.read_text()):
            assert SCHEMA in [(folder / named).resolve() for folder in (path.parent, TOP / "shop")], path


FIRST_STEPS = (TOP / "docs/your-own-services.md").read_text()


def test_what_the_page_of_first_steps_names_is_there() -> None:
    assert [path for path in re.findall(r"playbooks/\w+\.yml", FIRST_STEPS) if not (TOP / path).exists()] == []
    assert [path for path in re.findall(r"examples/[\w-]+", FIRST_STEPS) if not (TOP / path).exists()] == []


def test_entries_on_the_page_of_first_steps_can_be_deployed() -> None:
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", FIRST_STEPS, re.DOTALL)]
    written = [block for block in blocks if "services" in block]
    assert written
    assert [list(Draft202012Validator(schema()).iter_errors(block)) for block in written] == [[]] * len(written)
    [said, again] = re.findall(r"-e '(\{service: .*\})'", FIRST_STEPS)
    typed = yaml.safe_load(said)
    assert again == said
    made = yaml.safe_load(with_entry((TOP / "examples/start/app.yml").read_text(), typed["service"], typed["entry"]))
    assert problems(made["app"], made["services"]) == []
