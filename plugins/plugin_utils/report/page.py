# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A report as one HTML file: no script, no network, light and dark, and fit to be printed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.readiness.log_lines import Line, as_read
from jinja2 import Environment, FileSystemLoader, Template
from markupsafe import Markup

from ..remedies import DOCS, remedy_of
from .links import web
from .timeline import picture_of, said

_TONES = {
    "good": ("ok", "verified", "restored"),
    "bad": ("failed", "stuck", "busy"),
    "wait": ("applied", "kept", "drifted", "nothing", "verify", "removed", "remove"),
}
_TONE = {word: tone for tone, words in _TONES.items() for word in words}
_LOGS = {
    "log_tail": "Last lines of the log",
    "previous_log_tail": "Last lines of the run before",
    "output": "Output",
}
_FACTS = (
    "exit_code", "signal", "restarts", "reason", "api_message", "failing_probe", "probes", "dependency", "cause",
    "hook", "quota", "could_not_read",
)  # fmt: skip
_SHOWN = {
    "release", "kind", "namespace", "workload", "pod", "container", "container_role", "events", "sidecar",
    "problems", *_LOGS, *_FACTS,
}  # fmt: skip
_MARKED = 8  # characters of a line that is looked for in the sentence
ARRIVED = ("verified", "applied")  # outcomes with which the image that was wanted runs
_KIND = {"planned": "plan", "nothing": "nothing was done"}


def page_of(document: Mapping[str, Any]) -> str:
    """The page of a document, which is safe to show but for HTML."""
    planned = document["outcome"] == "planned" or bool(document["run"]["check"])
    return _template().render(
        doc=document,
        title=f"{document['outcome']}: {document['sentence']}"[:120],
        kind=_KIND.get(document["outcome"], "plan" if planned else "run"),
        planned=planned,
        headline=headline(document),
        unlisted=unlisted(document),
        rows=changed_first(document["releases"], "outcome"),
        plan=changed_first(document["plan"], "kind"),
        picture=picture_of(document),
        docs=DOCS,
        remedy_of=remedy_of,
        arrived=ARRIVED,
        link=link,
        about=about(document),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "tone": lambda word: _TONE.get(word, "plain"), "said": said, "evidence": evidence, "slug": _slug,
        "image_text": image_text,
    }  # fmt: skip
    return environment.get_template("page.html.j2")


def link(url: str, text: str) -> Markup | str:
    """A link, where the URL is one of the web; else its text."""
    return Markup('<a href="{}" rel="noopener noreferrer">{}</a>').format(web(url), text) if web(url) else text


def headline(document: Mapping[str, Any]) -> tuple[str, str]:
    """The sentence, and what was done about a failure; the second may be empty."""
    became = document["failures"][0]["became"] if document["failures"] else ""
    if not became:
        return document["sentence"], ""
    return document["sentence"].replace(f"; {became}", "."), f"{became[:1].upper()}{became[1:]}"


def unlisted(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Failures but those that say no more than the list of what is in the way."""
    return [each for each in document["failures"] if not (document["preflight"] and each["details"].get("problems"))]


def changed_first(rows: Sequence[Mapping[str, Any]], key: str) -> list[Mapping[str, Any]]:
    """Rows with what is unchanged at their end."""
    return sorted(rows, key=lambda row: row[key] == "unchanged")


def about(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """When, of what and where the run was: texts with the URLs that they lead to, which may be none of the web."""
    run = document["run"]
    yield f"{run['started'].replace('T', ' ').replace('Z', ' UTC')}, took {said(run['seconds'])}", ""
    if document["commit"]:
        yield f"commit {document['commit'][:12]}", document["commit_url"]
    if document["set"]:
        yield f"release set {document['set']}", ""
    if document["endpoint"]:
        yield document["endpoint"], document["endpoint"]
    if web(run["url"]):
        yield "the job", run["url"]


def evidence(
    details: Mapping[str, Any], sentence: str = "", most: int = 0
) -> tuple[list[tuple[str, list[Line]]], list[tuple[str, str]]]:
    """Logs with their titles, and facts with their names, the most telling ones first.

    Of each log at most so many lines (0: all); those that the ``sentence`` quotes tell.
    """

    def read(log: Any) -> list[Line]:
        return as_read(_lines(log), most, lambda line: cause_in(line, sentence))

    logs = [(title, read(details[key])) for key, title in _LOGS.items() if details.get(key)]
    sidecar = details.get("sidecar")
    if isinstance(sidecar, Mapping) and sidecar.get("log_tail"):
        logs.append((f"Last lines of the sidecar {sidecar.get('container', '')}", read(sidecar["log_tail"])))
    workload = f"{details.get('kind') or ''} {details.get('workload') or ''}".strip()
    places = [workload, *(_named(details, key) for key in ("pod", "container", "namespace"))]
    names = [*_FACTS, *(key for key in details if key not in _SHOWN)]
    facts = [(key.replace("_", " "), _said(details[key])) for key in names if key in details]
    found = [("where", ", ".join(filter(None, places))), *facts]
    return logs, [(name, text) for name, text in found if text]


def _named(details: Mapping[str, Any], key: str) -> str:
    return f"{key} {details[key]}" if details.get(key) else ""


def cause_in(line: str, message: str) -> bool:
    """Whether a line of a log is the one that the sentence quotes, or has what it quotes within JSON."""
    text, quoted = line.strip(), message.partition("): ")[2].rstrip(".")
    return len(text) >= _MARKED and (text in message or (len(quoted) >= _MARKED and quoted in text))


def image_text(image: str) -> str:
    """A reference with the beginning of its digest, as people compare them."""
    name, at, digest = image.partition("@")
    return f"{name}{at}{digest[:19]}"


def _lines(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else str(value).splitlines()


def _said(value: Any) -> str:
    """Plain data on one line; empty where it says nothing."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {said}" for key, item in value.items() if (said := _said(item)))
    if isinstance(value, list):
        return "; ".join(filter(None, map(_said, value)))
    return "" if value in (None, "") else str(value)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())[:20]
