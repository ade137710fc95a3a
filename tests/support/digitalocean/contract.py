"""DigitalOcean's OpenAPI document: every request and answer of a test is compared with it, where it is there.

The document is no part of this repository. ``TODO_CLOUD_DO_CONTRACT`` names it; by default it is in the folder
``shared`` beside the repository. With ``TODO_CLOUD_DO_CONTRACT_REQUIRED`` its absence is a failure; else a warning says
how many exchanges were not compared.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_TOP = Path(__file__).resolve().parents[3]
_DEFAULT = "../shared/data/digitalocean-openapi-reduced.json"
PATH = Path(os.environ.get("TODO_CLOUD_DO_CONTRACT") or _TOP / _DEFAULT)
REQUIRED = bool(os.environ.get("TODO_CLOUD_DO_CONTRACT_REQUIRED"))
_HOST = "http://127.0.0.1:8080"  # the document's own server
_FILES = re.compile(r'"models/\w+\.yml#/(\w+)"')  # kinds of records, which the document has in itself
unchecked = {"count": 0}
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")  # one is as good as another
_checked: dict[str, list[str]] = {}


@cache
def document() -> Mapping[str, Any] | None:
    """The document, or None where it is not there."""
    try:
        return dict(json.loads(_FILES.sub(r'"#/components/schemas/\1"', PATH.read_text())))
    except FileNotFoundError:
        assert not REQUIRED, f"DigitalOcean's contract is not at {PATH}"
        return None


@cache
def api() -> Any:
    """What compares with it, or None where it is not there."""
    found = document()
    if found is None:
        return None
    try:
        from openapi_core import Config, OpenAPI
    except ImportError:
        assert not REQUIRED, "openapi-core is not installed: make venv"
        return None
    return OpenAPI.from_dict(dict(found), config=Config(spec_validator_cls=None))


def problems(
    method: str, target: str, body: bytes, status: int, headers: Mapping[str, str], answer: bytes
) -> list[str]:
    """What an exchange has that the contract has not."""
    found = api()
    if found is None:
        unchecked["count"] += 1
        return []
    shape = json.dumps([method, target, body.decode(errors="replace"), status, _TIMES.sub("T", answer.decode())])
    key = hashlib.sha256(shape.encode()).hexdigest()
    if key not in _checked:
        _checked[key] = _problems(found, method, target, body, status, headers, answer)
    return _checked[key]


def request_problems(method: str, target: str, body: bytes) -> list[str]:
    """What a request has that the contract has not; none where the contract is not there."""
    found = api()
    return _tried(lambda: found.validate_request(_request(method, target, body))) if found else []


def _request(method: str, target: str, body: bytes) -> Any:
    from openapi_core.testing import MockRequest

    url = urlsplit(target)
    arguments = dict(parse_qsl(url.query, keep_blank_values=True))
    return MockRequest(
        _HOST, method.lower(), unquote(url.path), data=body or None, args=arguments,
        headers={"Authorization": "Bearer x"}, content_type="application/json",
    )  # fmt: skip


def _problems(
    api: Any, method: str, target: str, body: bytes, status: int, headers: Mapping[str, str], answer: bytes
) -> list[str]:
    from openapi_core.testing import MockResponse

    request = _request(method, target, body)
    kind = headers.get("Content-Type", "application/json")
    response = MockResponse(answer, status, dict(headers), kind)
    steps = (
        [] if status in (400, 409, 412, 422) else [lambda: api.validate_request(request)]
    )  # a refused request is wrong
    if kind != "application/yaml":  # the contract says nothing of its content
        steps.append(lambda: api.validate_response(request, response))
    return [f"{method} {target} {status}: {text}" for step in steps for text in _tried(step)]


def _tried(step: Any) -> list[str]:
    try:
        step()
    except Exception as exc:  # whatever it finds
        inner = getattr(exc.__cause__, "schema_errors", None) or ()
        return [f"{type(exc).__name__}: {_text(exc)}"] + [f"{list(each.path)}: {each.message}" for each in inner]
    return []


def _text(exc: Exception) -> str:
    try:
        return str(exc)
    except UnicodeDecodeError:  # it quotes a body that is none
        return "no text"


def scopes() -> dict[tuple[str, str], set[str]]:
    """(method, path with names in braces) -> scopes, as the contract has them."""
    found = document() or {"paths": {}}
    return {
        (method.upper(), path): {scope for each in operation.get("security") or () for scope in each["bearer_auth"]}
        for path, operations in found["paths"].items()
        for method, operation in operations.items()
        if isinstance(operation, dict) and "responses" in operation
    }
