# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Markdown pages of this repository: their links, anchors and fenced blocks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml

TOP = Path(__file__).resolve().parents[2]
REPOSITORY = str(yaml.safe_load((TOP / "galaxy.yml").read_text())["repository"])
_OWN = re.compile(rf"{re.escape(REPOSITORY)}/(?:blob|tree)/main/(.*)")
_ELSEWHERE = ("issues", "security/advisories/new", "")  # pages of the repository that are no files
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?\)|<(https?://[^>\s]+)>")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(TOP)}: {self.text.strip().splitlines()[0][:60]}"


def pages() -> list[Path]:
    """Those that people read: of the repository, of the roles and of the examples."""
    found = [
        *TOP.glob("*.md"),
        *TOP.glob("docs/*.md"),
        *TOP.glob("roles/*/README.md"),
        *TOP.glob("examples/*/README.md"),
    ]
    return sorted(found)


def blocks(page: Path, *languages: str) -> list[Block]:
    """Fenced blocks of a page, those of some languages only, without the indentation of the list that they stand in."""
    found = _FENCE.findall(page.read_text())
    return [
        Block(page, language, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE))
        for indent, language, text in found
        if not languages or language in languages
    ]


def commands(block: Block) -> list[str]:
    """What a block of the language console says to type: lines after a ``$``, with those that they go on in."""
    joined = block.text.replace("\\\n", " ")
    return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]


def words(command: str) -> Iterator[list[str]]:
    """The words of each part of a command, between ``&&``, ``;`` and the like; variables before it left out."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="();&|")
    lexer.whitespace_split = True
    part: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set("();&|"):
            if part:
                yield part
            part = []
        elif part or not re.match(r"\w+=|export$", word):
            part.append(word)


def anchors(text: str) -> set[str]:
    """Those that GitHub gives the headings of a page."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE):
        slug = (
            re.sub(r"[^\w -]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)).strip().lower().replace(" ", "-")
        )
        found[slug] = found.get(slug, -1) + 1
    return {slug + f"-{again}" * (again > 0) for slug, last in found.items() for again in range(last + 1)}


def links(text: str) -> list[str]:
    """Targets of a page's links and pictures; what stands in code is none."""
    prose = re.sub(r"`[^`\n]*`", lambda code: "`" * len(code[0]), _FENCE.sub("", text))
    return [first or second for first, second in _LINK.findall(prose)]


def broken(page: Path, text: str) -> Iterator[str]:
    """Links of a page that lead nowhere: files and anchors of this repository, and what is no address of the web."""
    for link in links(text):
        if own := _OWN.fullmatch(link):
            path, _hash, anchor = own[1].partition("#")
            target = TOP / path
        elif ":" in link.partition("/")[0]:
            parts = urlsplit(link)
            if parts.scheme != "https" or "." not in (parts.hostname or ""):
                yield f"{link} is no address of the web by HTTPS"
            if link.startswith(REPOSITORY) and link.removeprefix(REPOSITORY).strip("/") not in _ELSEWHERE:
                yield f"{link} is no file of the branch main"
            continue
        else:
            path, _hash, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
        if not target.exists():
            yield f"{link} leads nowhere"
        elif anchor and anchor not in anchors(target.read_text() if target != page else text):
            yield f"{link}: there is no such heading"
