"""The table of keys: every key says what it is, and its example is right."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.services.problems import entry_problems
from ansible_collections.todo.cloud.plugins.module_utils.services.spec import (
    APP,
    ENTRY,
    ENVIRONMENT_NEEDS,
    OF_ANY_CHART,
    OF_OWN_CHART,
)
from ansible_collections.todo.cloud.plugins.module_utils.services.types import (
    Either,
    Key,
    ListOf,
    Struct,
    Type,
    check,
)

from tests.unit.ansible_runs import TOP


def nested(kind: Type) -> Iterator[Key]:
    for inner in kind.forms if isinstance(kind, Either) else (kind.item,) if isinstance(kind, ListOf) else ():
        yield from nested(inner)
    for key in kind.keys if isinstance(kind, Struct) else ():
        yield key
        yield from nested(key.type)


KEYS = [*APP, *ENTRY, *(inner for key in ENTRY for inner in nested(key.type))]


@pytest.mark.parametrize("key", KEYS, ids=[key.name for key in KEYS])
def test_a_key_says_what_it_is(key: Key) -> None:
    assert key.doc.endswith(".")
    if key.example:
        assert list(check(key.type, yaml.safe_load(key.example), key.name)) == []


@pytest.mark.parametrize("key", [key for key in ENTRY if key.later], ids=lambda key: str(key.name))
def test_what_is_not_built_yet_is_refused_with_that_sentence(key: Key) -> None:
    (said,) = entry_problems("web", {key.name: {}})
    assert said == f"services.web.{key.name}: {key.later}"


def test_keys_of_any_chart_are_keys() -> None:
    assert {key.name for key in ENTRY} >= OF_ANY_CHART >= set(OF_OWN_CHART)


def test_an_environment_has_what_services_may_need() -> None:
    values = yaml.safe_load((TOP / "charts/environment/values.yaml").read_text())
    assert set(ENVIRONMENT_NEEDS) <= set(values["networkPolicies"])
