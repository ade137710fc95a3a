"""docs/operations.md: its messages are those of the code, and what it tells to type is there."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.dependencies.check import Dependencies
from ansible_collections.todo.cloud.plugins.module_utils.deploy import outages
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.rollout import waiter
from ansible_collections.todo.cloud.plugins.plugin_utils import remedies
from ansible_collections.todo.cloud.plugins.plugin_utils.remedies import remedy_of

from tests.support.outages import CASES, Said, settled

TOP = Path(__file__).resolve().parents[2]
LINKED_FROM = ("README.md", "docs/failure-codes.md")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing outside of the cluster answers, and what is down stays down."""
    monkeypatch.setattr(outages.Outages.__init__, "__defaults__", (0.02,))
    monkeypatch.setattr(waiter, "LOOK_SECONDS", 0.5)
    monkeypatch.setattr(Dependencies.__init__, "__defaults__", ("", (), lambda host, port: False))


PAGE = (TOP / "docs" / "operations.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
PARTS = re.compile(
    r"\n\*\*What you see\*\*\n(?P<see>.+)\n\*\*What it means\*\*\n(?P<means>.+)\n\*\*What to do\*\*\n(?P<do>.+)",
    re.DOTALL,
)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_each_case_has_its_section_in_three_parts() -> None:
    assert list(SECTIONS) == list(CASES)
    assert len(CASES) == 26, "those of the specifications, and twelve more"
    for title, text in SECTIONS.items():
        parts = PARTS.fullmatch(text)
        assert parts, title
        assert blocks(parts["see"], "text"), title
        assert parts["means"].strip(), title
        assert blocks(parts["do"], "console"), title


@pytest.mark.parametrize("title", CASES)
def test_the_messages_are_those_of_the_code_and_lead_back_to_them(title: str) -> None:
    """A message may be on the page more than once."""
    said = list(CASES[title]())
    assert shown(title) == [settled(each) for each in said]
    for each in said:
        if isinstance(each, Said) and each.failure.code is not Code.INVALID_INPUT:
            remedy = remedy_of(each.failure.as_result())
            assert remedy, each
            assert settled(each) in shown(remedy.section), remedy


def shown(title: str) -> list[str]:
    """Lines are wrapped on the page; an empty line stands between two messages."""
    return [" ".join(each.split()) for block in blocks(SECTIONS[title], "text") for each in block.split("\n\n")]


def test_each_remedy_leads_to_a_section() -> None:
    known = [each for each in vars(remedies).values() if isinstance(each, remedies.Remedy)]
    assert {each.section for each in known} == set(CASES) - {"An alert arrives", "The metrics server is unavailable"}, (
        "no failures"
    )
    assert {each.url.partition("#")[2] for each in known} <= _anchors(PAGE)
    assert remedies._BY_CODE.keys() <= {code.value for code in Code}


COMMANDS = [line[2:] for block in blocks(PAGE, "console") for line in block.splitlines() if line.startswith("$ ")]
SOURCES = (
    "playbooks/**/*.yml",
    "roles/**/*.yml",
    "inventories/**/*.yml",
    "plugins/modules/*.py",
    "docs/failure-codes.md",
)
WRITTEN = "\n".join(path.read_text() for pattern in SOURCES for path in TOP.glob(pattern))
SERVICES = yaml.safe_load((TOP / "inventories" / "app.yml").read_text())["services"]


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_to_be_typed_is_there(command: str) -> None:
    words = shlex.split(command, comments=True)
    if words[0] == "export":
        words.pop(0)
    while words and (variable := re.match(r"([A-Z_]+)=", words[0])):
        assert _is_named(variable[1]), variable[1]
        words.pop(0)
    match words:
        case []:
            pass
        case ["ansible-playbook", playbook, *options]:
            assert (TOP / playbook).is_file()
            parser = argparse.ArgumentParser(exit_on_error=False)
            parser.add_argument("-i", required=True)
            parser.add_argument("-e", action="append", default=[])
            for flag in ("--check", "--diff", "-v"):
                parser.add_argument(flag, action="store_true")
            given = parser.parse_args(options)
            assert (TOP / given.i).is_dir()
            told = dict(each.split("=", 1) for each in given.e)
            assert [name for name in told if not _is_named(name)] == []
            assert told.get("service", "backend-api") in SERVICES
        case ["make", target]:
            assert re.search(rf"^{target}:", (TOP / "Makefile").read_text(), re.MULTILINE)
        case _:
            assert words[:2] == ["kubectl", "get"], "this collection has no such command"


def _is_named(word: str) -> bool:
    return bool(re.search(rf"\b{re.escape(word)}\b", WRITTEN))


def test_what_is_named_is_there() -> None:
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    codes = {code.value for code in Code}
    words = {word for text in re.findall(r"`([^`\n]+)`", prose) for word in re.findall(r"[a-z]+(?:_[a-z]+)+", text)}
    assert len(words) > 10
    assert sorted(word for word in words - codes if not _is_named(word)) == []
    files = set(re.findall(r"[\w/]+\.yml", prose))
    assert (
        sorted(file for file in files if not any((TOP / folder / file).is_file() for folder in ("", "playbooks"))) == []
    )


def test_links_lead_somewhere() -> None:
    pages = [(TOP / "docs" / "operations.md", PAGE), *((TOP / n, (TOP / n).read_text()) for n in LINKED_FROM)]
    for page, text in pages:
        for path, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", text):
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), f"{page}: {path}"
            assert not anchor or anchor in _anchors(target.read_text()), f"{page}: {path}#{anchor}"
    assert all("operations.md" in text for _page, text in pages[1:])


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
