# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSON schemas of the modules' results, from their RETURN documentation: ``python3 -m tests.schemas`` writes them.

A key that is always returned is required; ``V(null)`` in a description allows null. Ansible's own keys are allowed
everywhere.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

TOP = Path(__file__).resolve().parents[1]
MODULES = TOP / "plugins/modules"
SCHEMAS = TOP / "docs/schemas"
SERVICES, REPORT = "services.json", "report.json"
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "list": "array", "dict": "object"}
_IF_SUCCEEDED = re.compile(r"(always|success)( or failure .*)?$")
_ALWAYS = ("always", "success", None)  # None: of a nested key
ANSIBLE = ("changed", "failed", "msg", "diff", "warnings", "deprecations", "invocation", "exception")


# Every module that fails returns it, whether its RETURN repeats that or not (docs/failure-codes.md).
_FAILURE = {
    "type": "object",
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "details": {"type": "object"}},
    "required": ["code", "message", "details"],
    "additionalProperties": False,
}


def module_names() -> list[str]:
    """All modules of the collection."""
    return sorted(path.stem for path in MODULES.glob("*.py"))


def documented_results(module: str) -> dict[str, Any]:
    """A module's RETURN; the module is not imported."""
    for node in ast.parse((MODULES / f"{module}.py").read_text()).body:
        if isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == ["RETURN"]:
            return dict(yaml.safe_load(ast.literal_eval(node.value)))
    raise KeyError(f"{module} has no RETURN")


def schema_of(module: str) -> dict[str, Any]:
    """The schema of a module's result. Keys of successful results are only required if the module has not failed."""
    documented = documented_results(module)
    succeeded = [key for key, entry in documented.items() if _IF_SUCCEEDED.match(entry["returned"])]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Result of todo.cloud.{module}",
        "type": "object",
        "properties": {
            "failure": _FAILURE,
            **{key: _property(entry) for key, entry in documented.items()},
            **{key: {} for key in ANSIBLE},
        },
        "additionalProperties": False,
        "if": {"properties": {"failed": {"const": True}}, "required": ["failed"]},
        "else": {"required": ["changed", *succeeded]},
    }


def _property(entry: Mapping[str, Any]) -> dict[str, Any]:
    description = entry["description"]
    text = " ".join([description] if isinstance(description, str) else description)
    kind = _TYPES.get(entry["type"])
    schema: dict[str, Any] = {"description": text}
    if kind:
        schema["type"] = [kind, "null"] if "V(null)" in text else kind
    if "choices" in entry:
        schema["enum"] = entry["choices"]
    if kind == "array":
        items = {"type": _TYPES[entry["elements"]]} if entry.get("elements") in _TYPES else {}
        schema["items"] = {**items, **_contents(entry)}
    elif kind == "object":
        schema |= _contents(entry)
    return schema


def _contents(entry: Mapping[str, Any]) -> dict[str, Any]:
    contains: Mapping[str, Mapping[str, Any]] = entry.get("contains") or {}
    if not contains:
        return {}
    return {
        "properties": {key: _property(inner) for key, inner in contains.items()},
        "required": [key for key, inner in contains.items() if inner.get("returned") in _ALWAYS],
        "additionalProperties": False,
    }


@cache
def _validator(module: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((SCHEMAS / f"{module}.json").read_text()))


def check_result(module: str, result: Mapping[str, Any]) -> None:
    """Fails the test when a real result does not fit the module's schema."""
    found = [f"{error.json_path}: {error.message}" for error in _validator(module).iter_errors(dict(result))]
    assert not found, f"the result of {module} does not fit docs/schemas/{module}.json: {found[:5]}"


def text_of(module: str) -> str:
    """The content of a schema's file."""
    return json.dumps(schema_of(module), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    SCHEMAS.mkdir(exist_ok=True)
    for path in SCHEMAS.glob("*.json"):
        if path.name not in (SERVICES, REPORT):  # of variables, tests.services_page writes it; of the callback report
            path.unlink()
    for module in module_names():
        (SCHEMAS / f"{module}.json").write_text(text_of(module))


if __name__ == "__main__":
    main()
