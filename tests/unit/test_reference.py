"""The reference and the READMEs of the roles are those of the argument specs, and say something of everything."""

from __future__ import annotations

import re

import pytest

from tests.interface import current
from tests.reference import (
    PAGE,
    TOP,
    first_sentence,
    inventory_variables,
    metadata,
    page,
    plain,
    playbooks,
    readme,
    roles,
    specs,
)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run: make schemas"


@pytest.mark.parametrize("role", roles())
def test_the_readme_of_each_role_is_up_to_date(role: str) -> None:
    path = TOP / f"roles/{role}/README.md"
    assert path.is_file(), "run: make schemas"
    assert path.read_text() == readme(role), "run: make schemas"
    assert (path.parent / "meta/main.yml").read_text() == metadata(role), "run: make schemas"


def test_each_playbook_says_what_it_does() -> None:
    silent = [name for name, said in playbooks() if not re.fullmatch(r"[A-Z].{15,}[.]", said)]
    assert silent == [], "its first comment begins with a sentence"


def test_no_markup_of_ansible_is_left() -> None:
    assert re.findall(r"\b[COVMPEB]\([^)]+\)", page() + "".join(map(readme, roles()))) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Adopts releases. Nothing else.", "Adopts releases."),
        ("Writes a file (see docs. It is long). More.", "Writes a file (see docs. It is long)."),
        ("Lists v1.2.3 of it.", "Lists v1.2.3 of it."),
    ],
)
def test_a_first_sentence_ends_where_a_sentence_does(text: str, said: str) -> None:
    assert first_sentence(text) == said


def test_markup_becomes_markdown() -> None:
    text = "C(a) and O(b=c), P(todo.cloud.kafka#role), V(v), E(X), M(todo.cloud.release_apply)"
    assert plain([text]) == "`a` and `b: c`, `kafka`, `v`, `X`, `todo.cloud.release_apply`"


def test_each_variable_that_pages_name_is_in_the_reference() -> None:
    of_roles = {name for role in roles() for spec in specs(role).values() for name in spec.get("options") or ()}
    typed = {name.rpartition(" ")[2] for name in current() if name.startswith("playbook ")}
    named = {name.rpartition(" ")[2] for name in current() if name.startswith("inventory-variable ")}
    assert named - of_roles - typed - inventory_variables().keys() - {"release_watch_door"} == set()
    assert inventory_variables().keys() & of_roles == set()
    assert list(inventory_variables()) == sorted(inventory_variables())
