"""The committed JSON schemas are those of the documentation, and its samples fit them."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from tests.schemas import SCHEMAS, check_result, documented_results, module_names, schema_of, text_of


@pytest.mark.parametrize("module", module_names())
def test_the_schema_is_up_to_date(module: str) -> None:
    path = SCHEMAS / f"{module}.json"
    assert path.read_text() == text_of(module), "run: python3 -m tests.schemas"
    Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_every_schema_has_a_module() -> None:
    of_results = {path.stem for path in SCHEMAS.glob("*.json")} - {
        "services",
        "report",
    }  # of variables, and of a callback
    assert sorted(of_results) == module_names()


@pytest.mark.parametrize("module", module_names())
def test_the_documented_samples_fit(module: str) -> None:
    samples = {key: entry["sample"] for key, entry in documented_results(module).items()}
    check_result(module, {"changed": False, **samples})


def test_what_is_not_documented_does_not_fit() -> None:
    fitting = {"changed": False, "parts": [], "current": [], "empty_secrets": []}
    check_result("platform_info", fitting)
    for wrong in ({**fitting, "more": 1}, {**fitting, "parts": [{"name": "x"}]}, {"changed": False, "parts": []}):
        with pytest.raises(AssertionError):
            check_result("platform_info", wrong)
    check_result("platform_info", {"failed": True, "msg": "It failed.", "changed": False})
    assert schema_of("availability_probe")["properties"]["p50_ms"]["type"] == ["number", "null"]
