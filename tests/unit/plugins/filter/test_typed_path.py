"""Paths that a person types: from the folder of the command, or from a home folder, which no shell expands after =."""

from __future__ import annotations

import re

import pytest
from ansible_collections.todo.cloud.plugins.filter.typed_path import typed_path

from tests.cluster.paths import TOP


@pytest.mark.parametrize(
    ("path", "leads"),
    [
        ("plan.md", "/shop/plan.md"),
        ("../plan.md", "/shop/../plan.md"),
        ("/tmp/plan.md", "/tmp/plan.md"),
        ("~/plan.md", "/home/ada/plan.md"),
        ("a/~/plan.md", "/shop/a/~/plan.md"),
        ("", "/shop/"),
    ],
)
def test_where_a_path_leads(path: str, leads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", "/shop")
    monkeypatch.setenv("HOME", "/home/ada")
    assert typed_path(path) == leads


def test_without_a_known_folder_a_path_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PWD")
    assert typed_path("plan.md") == "plan.md"


def test_playbooks_join_no_path_to_the_folder_of_the_command_themselves() -> None:
    pages = {path.name: path.read_text() for path in TOP.glob("playbooks/**/*.yml")}
    assert sum(text.count("| todo.cloud.typed_path") for text in pages.values()) > 10
    assert [name for name, text in pages.items() if re.search(r"'PWD'\), .*\| path_join", text)] == []
