"""The page and the editor's schema of `services` are those of the table of its keys."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from tests.services_page import PAGE, SCHEMA, page, schema


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run: make schemas"


def test_the_schema_is_up_to_date() -> None:
    assert json.loads(SCHEMA.read_text()) == schema(), "run: make schemas"
    Draft202012Validator.check_schema(schema())


def test_the_schema_knows_what_is_refused() -> None:
    told = Draft202012Validator(schema())
    assert told.is_valid({"app": {}, "services": {"web": None, "api": {"port": 3000, "scale": 2}}, "other": 1})
    mistakes: list[dict[str, Any]] = [{"prot": 1}, {"topics": {}}, {"scale": "two"}]
    for wrong in mistakes:
        assert not told.is_valid({"services": {"web": wrong}})
    assert not told.is_valid({"services": {"back_end": {}}})
