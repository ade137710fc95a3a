# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A report as Markdown, for the summary of a CI job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.neutral import html_text, markdown, markdown_block

from .links import web
from .page import ARRIVED, about, evidence, image_text

_LOG_LINES = 15
_DIFFS = 50_000  # characters of all differences; GitHub takes 1 MiB for a step, and a reader far less
_MARKS = {"ok": "✅", "planned": "📋", "failed": "❌", "nothing": "⚠️"}
_PLAIN = ("unchanged",)


def markdown_of(document: Mapping[str, Any]) -> str:
    """The document's outcome, why, and its releases or its plan."""
    planned = document["outcome"] == "planned"
    lines = [f"### {_MARKS[document['outcome']]} {markdown(document['sentence'])}", ""]
    lines += [", ".join(_link(url, text) for text, url in about(document)), ""]
    if document["preflight"]:
        rows = [[_cell(p.get(key, "")) for key in ("release", "message", "remedy")] for p in document["preflight"]]
        lines += _table(("release", "in the way", "what to do"), rows)
    lines += _failures(document["failures"])
    if planned and document["plan"]:
        rows = [
            [_cell(i["name"]), _strong(i["kind"]), _cell(i["revisions"]), _cell(i["why"])] for i in document["plan"]
        ]
        lines += _table(("release", "plan", "revision", "why"), rows)
    elif document["releases"]:
        lines += _table(("release", "outcome", "was", "now", "image"), [_release(row) for row in document["releases"]])
    if document["availability"]:
        lines += [f"Endpoint meanwhile: {markdown(document['availability']['summary'])}", ""]
    for title, texts in (("warning", document["warnings"]), ("note", document["notes"])):
        lines += [f"> {title}: {_cell(text)}\n" for text in texts]
    lines += _folded(document["diff"])
    return "\n".join(lines).rstrip("\n") + "\n"


def _failures(failures: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for number, failure in enumerate(failures):
        what = markdown(failure["details"].get("release") or failure["task"])
        code = f" `{failure['code']}`" if failure["code"].replace("_", "").isalnum() else ""
        yield f"**{what}**{code}" + (f": {markdown(failure['message'])}" if number else "")
        yield ""
        for place, (title, log) in enumerate(evidence(failure["details"])[0]):
            yield f"<details{'' if place else ' open'}><summary>{html_text(title)}</summary>\n"
            yield from markdown_block("\n".join(log[-_LOG_LINES:]))
            yield "\n</details>\n"


def _release(row: Mapping[str, Any]) -> list[str]:
    was, wanted = (_link(row[f"{key}_url"], image_text(row[key])) for key in ("image_before", "image"))
    image = (
        wanted
        if was in ("", wanted)
        else f"{was} → {wanted}"
        if row["outcome"] in ARRIVED
        else f"{was} (wanted {wanted})"
    )
    detail = f": {_cell(row['detail'])}" if row["detail"] else ""
    revisions = [str(row[key] or "-") for key in ("from", "to")]
    return [_cell(row["name"]), f"{_strong(row['outcome'])}{detail}", *revisions, image]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def _folded(diffs: Sequence[Mapping[str, str]]) -> Iterator[str]:
    left, out = _DIFFS, []
    for each in diffs:
        if len(each["text"]) > left:
            out.append(markdown(each["title"]))
            continue
        left -= len(each["text"])
        yield f"<details><summary>{html_text(each['title'])}</summary>\n"
        yield from markdown_block(each["text"], "diff")
        yield "\n</details>\n"
    if out:
        yield f"Too long to show here: {', '.join(out)}."


def _link(url: str, text: str) -> str:
    """A link, where the URL is one of the web; else its text."""
    return f"[{markdown(text)}](<{web(url)}>)" if web(url) else markdown(text)


def _strong(word: str) -> str:
    return _cell(word) if word in _PLAIN else f"**{_cell(word)}**"


def _cell(text: Any) -> str:
    return markdown(str(text).replace("->", "→"))
