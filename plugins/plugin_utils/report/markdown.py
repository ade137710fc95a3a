# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Markdown for the summary of a CI job and for reviewers: a report, its parts, and what they and others are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.neutral import html_text, markdown, markdown_block, one_line

from ..remedies import each_once, remedy_of
from .links import web
from .page import ARRIVED, about, changed_first, evidence, headline, image_text, unlisted

_LOG_LINES = 15
_DIFFS = 50_000  # characters of all differences; GitHub takes 1 MiB for a step, and a reader far less
_MARKS = {"ok": "✅", "planned": "📋", "failed": "❌", "nothing": "⚠️"}
_PLAIN = ("unchanged",)


class Marked(str):
    """Text that is Markdown already."""

    __slots__ = ()


def marked(text: Any) -> Marked:
    """What others wrote, as text on one line."""
    return text if isinstance(text, Marked) else Marked(markdown(str(text).replace("->", "→")))


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Lines of a table; empty where there are no rows."""
    lines = [f"| {' | '.join(map(marked, row))} |" for row in rows]
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines, ""] if lines else []


def page(title: str, lines: Iterable[str]) -> str:
    """The whole, below a title."""
    return "\n".join([f"### {title}", "", *lines]).rstrip("\n") + "\n"


def markdown_of(document: Mapping[str, Any]) -> str:
    """The document of a report."""
    sentence, became = headline(document)
    told = ", ".join(_link(url, text) for text, url in about(document))
    lines = [*([marked(became), ""] if became else []), told, "", *contents(document)]
    return page(f"{_MARKS[document['outcome']]} {marked(sentence)}", lines)


def contents(document: Mapping[str, Any], limit: int = _DIFFS) -> Iterator[str]:
    """Why a run failed, its releases or its plan, and what else there is; ``limit``: characters of all differences."""
    problems = ([each.get(key, "") for key in ("release", "message", "remedy")] for each in document["preflight"])
    yield from table(("release", "in the way", "what to do"), problems)
    if more := [_link(each.url, each.section) for each in each_once(document["preflight"])]:
        yield f"More: {', '.join(more)}\n"
    yield from _failures(document)
    if document["outcome"] == "planned":
        plan = changed_first(document["plan"], "kind")
        rows = ([each["name"], _strong(each["kind"]), each["revisions"], each["why"]] for each in plan)
        yield from table(("release", "plan", "revision", "why"), rows)
    else:
        releases = map(_release, changed_first(document["releases"], "outcome"))
        yield from table(("release", "outcome", "was", "now", "image"), releases)
    if document["availability"]:
        yield f"Endpoint meanwhile: {marked(document['availability']['summary'])}\n"
    drift = [f"* {marked(each.get('message', ''))}" for each in document["drift"]]
    yield from ["Changed in the cluster by others:", "", *drift, ""] if drift else []
    for title, texts in (("warning", document["warnings"]), ("note", document["notes"])):
        yield from (f"> {title}: {marked(text)}\n" for text in texts)
    yield from _differences(document["diff"], limit)


def _failures(document: Mapping[str, Any]) -> Iterator[str]:
    for failure in unlisted(document):
        what = marked(failure["details"].get("release") or failure["task"])
        code = f" `{failure['code']}`" if failure["code"].replace("_", "").isalnum() else ""
        logs, facts = evidence(failure["details"], failure["message"], _LOG_LINES)
        where = dict(facts).get("where") or f"host {failure['host']}"
        said = where if failure["message"] == document["sentence"] else f"{failure['message']} ({where})"
        yield f"**{what}**{code}: {marked(said)}\n"
        if remedy := remedy_of(failure):
            yield f"What to do: {marked(remedy.words)}: {_link(remedy.url, remedy.section)}\n"
        for place, (title, log) in enumerate(logs):
            yield from _folded(title, "\n".join(f"{line.text}{line.count}" for line in log), opened=not place)


def _release(row: Mapping[str, Any]) -> list[Any]:
    was, wanted = (_link(row[f"{key}_url"], image_text(row[key])) for key in ("image_before", "image"))
    image = (
        wanted
        if was in ("", wanted)
        else f"{was} → {wanted}"
        if row["outcome"] in ARRIVED
        else f"{was} (wanted {wanted})"
    )
    detail = f": {marked(row['detail'])}" if row["detail"] else ""
    became = Marked(f"{_strong(row['outcome'])}{detail}")
    return [row["name"], became, row["from"] or "-", row["to"] or "-", Marked(image)]


def _differences(diffs: Sequence[Mapping[str, str]], left: int) -> Iterator[str]:
    out = []
    for each in diffs:
        if len(each["text"]) > left:
            out.append(marked(each["title"]))
        else:
            left -= len(each["text"])
            yield from _folded(each["title"], each["text"], "diff")
    if out:
        yield f"Too long to show here: {', '.join(out)}."


def _folded(title: str, text: str, language: str = "", *, opened: bool = False) -> list[str]:
    start = f"<details{' open' * opened}><summary>{html_text(one_line(title))}</summary>\n"
    return [start, *markdown_block(text, language), "\n</details>\n"]


def _link(url: str, text: str) -> Marked:
    """A link, where the URL is one of the web; else its text."""
    return Marked(f"[{marked(text)}](<{web(url)}>)") if web(url) else marked(text)


def _strong(word: str) -> Marked:
    return marked(word) if word in _PLAIN else Marked(f"**{marked(word)}**")
