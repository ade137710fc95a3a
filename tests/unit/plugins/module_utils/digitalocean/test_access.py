"""The token comes from the options or the environment, and goes to DigitalOcean alone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.access import TOKEN_VARIABLES, Access
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.known_secrets import KNOWN

from tests.support.digitalocean.server import TOKEN
from tests.unit.plugins.module_utils.digitalocean.conftest import failure


@pytest.mark.parametrize("variable", TOKEN_VARIABLES)
def test_the_environment_has_a_token(variable: str) -> None:
    access = Access.from_params({}, {variable: TOKEN})
    assert (access.token, access.url) == (TOKEN, "https://api.digitalocean.com")
    assert TOKEN not in repr(access)
    assert TOKEN not in KNOWN.hidden_in(f"token {TOKEN}")


def test_options_come_before_the_environment() -> None:
    environ = {TOKEN_VARIABLES[0]: "other", "DIGITALOCEAN_API_URL": "https://other.example.com"}
    access = Access.from_params({"api_token": TOKEN, "api_url": "https://api.example.com/"}, environ)
    assert (access.token, access.url) == (TOKEN, "https://api.example.com")
    assert Access.from_params({}, environ).url == "https://other.example.com"


def test_a_missing_token_is_named() -> None:
    found = failure(Access.from_params, {}, {})
    assert found.code is Code.CLOUD_DENIED
    assert TOKEN_VARIABLES[0] in found.message
    assert failure(Access.from_params, {"api_token": "dop\nv1"}, {}).code is Code.CLOUD_DENIED


@pytest.mark.parametrize(
    "url",
    ["http://api.example.com", "ftp://127.0.0.1", "https://", "https://user@api.example.com", "https://a.b/v2",
     "https://a.b:port", "api.digitalocean.com"],
)  # fmt: skip
def test_the_token_goes_nowhere_else(url: str) -> None:
    params: dict[str, Any] = {"api_url": url, "api_token": TOKEN}
    assert failure(Access.from_params, params, {}).code is Code.INVALID_INPUT


def test_a_stand_in_on_this_machine_needs_no_tls() -> None:
    assert (
        Access.from_params({"api_url": "http://127.0.0.1:8080", "api_token": TOKEN}, {}).url == "http://127.0.0.1:8080"
    )
