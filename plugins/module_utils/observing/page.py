# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Grafana's dashboards as one HTML file of what Prometheus answers: what is wrong first, then the plots.

Nothing in it is loaded from anywhere and no script runs, which its own policy (CSP) also forbids.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..neutral import html_text
from .panels import Series, figure_of, last_of, stamp
from .plots import needed

_MARKED = 12  # runs that are drawn
_STALE_SECONDS = 120
_SEVERITIES = ("critical", "warning", "info")
_BAD = ("failed", "restored")
_NONE = '<p class="good">none</p>'
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; --ink: #4a4f57; --text: #1b1d21; --page: #fff; --card: #fff; --grid: #d4d7dc;
  --mark: #7a3ea8; --bad: #b3261e; --good: #176b37; --warn: #8a5300;
  --line-0: #0067a8; --line-1: #c24e00; --line-2: #00795a; --line-3: #a3478b }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #b4bac4; --text: #e8eaed; --page: #14161a;
  --card: #1b1e23; --grid: #3b4048; --mark: #c79bf0; --bad: #ff8a80; --good: #7fd99a; --warn: #ffbf66;
  --line-0: #64b5f0; --line-1: #ff9a5a; --line-2: #3fcfa0; --line-3: #ec9fd4 } }
* { box-sizing: border-box }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 110rem; color: var(--text);
  background: var(--page) }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.15rem; margin: 1.6rem 0 .5rem } p { margin: .3rem 0 }
.state { font-size: 1.15rem; font-weight: 600; border-left: .4rem solid; padding: .3rem .7rem; margin: .8rem 0 }
.bad { color: var(--bad) } .warn { color: var(--warn) } .good { color: var(--good) } .quiet { color: var(--ink) }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr)); gap: 1rem;
  align-items: start }
figure { margin: 0; border: 1px solid var(--grid); border-radius: .4rem; padding: .6rem .7rem; background: var(--card);
  min-width: 0; break-inside: avoid }
figcaption { font-weight: 600; margin-bottom: .2rem }
figure svg { display: block; width: 100%; height: auto; overflow: visible } figure svg * { stroke-linejoin: round }
figure svg text { font-family: inherit !important }
table { border-collapse: collapse; width: 100% }
.wide td, .wide th { border-bottom: 1px solid var(--grid); padding: .3rem .8rem .3rem 0; vertical-align: top }
.wide { width: auto; max-width: 100% }
td, th { text-align: left; font-weight: inherit } .long, tbody th, .alerts { overflow-wrap: anywhere }
.wide td:not(.long), .wide thead th { white-space: nowrap }
.alerts { list-style: none; padding: 0; margin: 0 } .alerts p { color: var(--text); margin: 0 }
.alerts li { border-left: .25rem solid; padding: 0 .7rem; margin: .7rem 0 }
thead th { color: var(--ink) }
figure table { font-size: .87rem }
figure td, figure thead th { text-align: right; padding-left: .8rem; white-space: nowrap }
figure tbody th, figure thead th:first-child { padding-left: 0; text-align: left }
.key { display: inline-block; width: 1.3em; border-top: 3px solid; vertical-align: middle; margin-right: .4em }
.dashed { border-top-style: dashed } .limit { border-top-style: dotted; color: var(--bad) }
.l0 { color: var(--line-0) } .l1 { color: var(--line-1) } .l2 { color: var(--line-2) } .l3 { color: var(--line-3) }
a { color: var(--line-0) } summary { cursor: pointer }
@media (max-width: 40rem) { .wide td, .wide th { padding-right: .5rem } }
@media print { body { font-size: 10pt; padding: 0; max-width: none } h2 { break-after: avoid }
  .panels { grid-template-columns: 1fr 1fr } details::details-content { content-visibility: visible; height: auto } }
"""


@dataclass(frozen=True)
class Page:
    """What the page is of. ``hours``: how far back the plots go; ``moment``: seconds since the epoch."""

    title: str
    environment: str
    namespace: str
    hours: float
    moment: float


def page_of(
    page: Page,
    boards: Sequence[Mapping[str, Any]],
    drawn: Mapping[str, Series],
    now: Mapping[str, Series],
    alerts: Sequence[Mapping[str, Any]],
) -> str:
    """The page. Raises missing_library without matplotlib.

    :param drawn: what the queries of :func:`queries_of` gave
    :param now: ``ready``, ``restarts`` (of an hour) and ``runs`` of the present, and ``age`` of the newest sample
    :param alerts: those of any environment, as of metrics_info
    """
    needed()
    ours = sorted((each for each in alerts if _is_of(page, each["labels"])), key=_urgency)
    runs = sorted(((last_of(each) or 0.0, each["labels"]) for each in now["runs"]), key=lambda run: -run[0])
    first = page.moment - page.hours * 3600
    shown = [run for run in runs if run[0] >= first][:_MARKED]
    marks = [(at, str(number)) for number, (at, _labels) in enumerate(shown, 1)]
    parts = [*_head(page, now["age"]), *_state(ours, now["ready"]), *_alerts(page, ours)]
    parts += [*_pods(now["ready"], now["restarts"]), *_runs(page, shown, runs)]
    seen: list[Any] = []  # a plot that two dashboards have is drawn once
    for board in boards:
        panels = [each for each in board["panels"] if each["type"] == "timeseries" and each["targets"] not in seen]
        seen += [each["targets"] for each in panels]
        figures = [figure_of(board, each, drawn, (first, page.moment), marks) for each in panels]
        parts += [f"<section><h2>{html_text(str(board['title']))}</h2>", '<div class="panels">']
        parts += [text for _title, text in figures if text]
        parts.append("</div>")
        if empty := ", ".join(html_text(title) for title, text in figures if not text):
            parts.append(f'<p class="quiet">No data: {empty}.</p>')
        parts.append("</section>")
    metas = (
        '<meta charset="utf-8">', f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">', '<link rel="icon" href="data:,">',
        f"<title>{html_text(page.title)}</title><style>{_STYLE}</style>",
    )  # fmt: skip
    head, body = "\n".join(metas), "\n".join(parts)
    return f'<!DOCTYPE html>\n<html lang="en"><head>\n{head}\n</head><body><main>\n{body}\n</main></body></html>\n'


def _is_of(page: Page, labels: Mapping[str, str]) -> bool:
    """Of the environment, or of the cluster's parts, which say no environment but that of whoever manages them."""
    return page.environment == labels.get("environment") or page.namespace == labels.get("namespace")


def _urgency(alert: Mapping[str, Any]) -> tuple[bool, int, float]:
    severity = alert["labels"].get("severity", "")
    worst = _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)
    return alert["state"] != "firing", worst, alert["since"]


def _head(page: Page, age: Series) -> Iterator[str]:
    yield f"<h1>{html_text(page.title)}</h1>"
    yield f'<p class="quiet">As of {stamp(page.moment)}, plots of the last {page.hours:g} h, times in UTC</p>'
    newest = last_of(age[0]) if age else None
    if newest is None:
        yield (
            f'<p class="state bad">No sample of {html_text(page.namespace)} within {page.hours:g} h: '
            "Prometheus does not read it, so nothing below says that all is well.</p>"
        )
    elif newest > _STALE_SECONDS:
        yield (
            f'<p class="state bad">The newest sample is {_duration(newest)} old: what happened since is not below.</p>'
        )
    else:
        yield f'<p class="quiet">newest sample {_duration(max(newest, 0))} old</p>'


def _state(alerts: Sequence[Mapping[str, Any]], ready: Series) -> Iterator[str]:
    """All in one line."""
    firing = [each["labels"].get("severity", "") for each in alerts if each["state"] == "firing"]
    counts = [f"{firing.count(name)} {name}" for name in _SEVERITIES if firing.count(name)]
    other = len(firing) - sum(firing.count(name) for name in _SEVERITIES)
    told = f"Alerts: {', '.join([*counts, *([f'{other} other'] if other else [])])}" if firing else "No alert fires"
    good = sum(bool(last_of(each)) for each in ready)
    pods = f"{good} of {len(ready)} pods ready" if ready else "no pods"
    kind = "bad" if "critical" in firing or good < len(ready) else "warn" if firing or not ready else "good"
    yield f'<p class="state {kind}">{told}; {pods}.</p>'


def _alerts(page: Page, alerts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "<section><h2>Active alerts</h2>"
    if not alerts:
        yield f"{_NONE}</section>"
        return
    yield '<ul class="alerts">'
    for each in alerts:
        labels, texts = each["labels"], each["annotations"]
        severity, fires = html_text(str(labels.get("severity", ""))), each["state"] == "firing"
        kind = ("bad" if severity == "critical" else "warn") if fires else "quiet"
        known = ("alertname", "severity", "environment", "namespace")
        rest = ", ".join(f"{key} {text}" for key, text in sorted(labels.items()) if key not in known)
        what = html_text(str(texts.get("summary") or rest))
        link, since = str(texts.get("runbook_url", "")), _duration(max(page.moment - each["since"], 0))
        if re.match(r"https?://", link):
            what += f' (<a rel="noreferrer" href="{html_text(link)}">what to do</a>)'
        told = f"for {since}" if fires else f"not yet, for {since} so far"
        name = html_text(str(labels.get("alertname", "")))
        yield f'<li class="{kind}"><b>{severity}: {name}</b> {told}<p>{what}</p></li>'
    yield "</ul></section>"


def _pods(ready: Series, restarts: Series) -> Iterator[str]:
    """Those that are not ready, then those that restart; the others can be unfolded."""
    often: dict[str, float] = {}
    for each in restarts:
        name = each["labels"].get("pod", "")
        often[name] = often.get(name, 0) + (last_of(each) or 0)
    yield "<section><h2>Pods</h2>"
    found = [(each["labels"].get("pod", ""), bool(last_of(each))) for each in ready]
    found.sort(key=lambda pod: (pod[1], -round(often.get(pod[0], 0)), pod[0]))
    calm = [pod for pod in found if pod[1] and often.get(pod[0], 0) < 0.5]
    for pods, folded in ([pod for pod in found if pod not in calm], False), (calm, True):
        rows = [
            (
                html_text(name),
                '<span class="good">ready</span>' if good else '<span class="bad">not ready</span>',
                f"{often.get(name, 0):.0f}",
            )
            for name, good in pods
        ]
        table = _table(("pod", "state", "restarts in 1 h"), rows, (0,))
        if rows:
            calmly = f"<summary>{len(rows)} ready, without restarts</summary>"
            yield f"<details>{calmly}{table}</details>" if folded else table
    yield "</section>" if found else '<p class="bad">none</p></section>'


def _runs(
    page: Page, shown: Sequence[tuple[float, Mapping[str, str]]], runs: Sequence[tuple[float, Mapping[str, str]]]
) -> Iterator[str]:
    yield "<section><h2>Runs, as numbered in the plots</h2>"
    if not shown:
        before = f"; the one before was {stamp(runs[0][0])}" if runs else ""
        yield f'<p class="quiet">none within {page.hours:g} h{before}</p></section>'
        return
    rows = []
    for number, (at, labels) in enumerate(shown, 1):
        outcome = str(labels.get("outcome", ""))
        why = f" ({labels['code']})" if labels.get("code") else ""
        kind = "bad" if outcome in _BAD else "good" if outcome == "succeeded" else "quiet"
        rows.append((
            str(number), stamp(at)[11 if page.hours <= 24 else 5 : 16], html_text(str(labels.get("run", ""))[:20]),
            f'<span class="{kind}">{html_text(outcome + why)}</span>',
            html_text(str(labels.get("set", ""))[:8]), html_text(str(labels.get("commit", ""))[:12]),
        ))  # fmt: skip
    yield _table(("", "began", "run", "outcome", "set", "commit"), rows, (3, 5))
    yield "</section>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], long: Sequence[int]) -> str:
    """Cells are HTML. ``long``: columns that may be wrapped anywhere."""
    kinds = [' class="long"' if number in long else "" for number in range(len(head))]
    top = "".join(f'<th scope="col">{text}</th>' if text else "<td></td>" for text in head)
    body = "".join(
        f"<tr>{''.join(f'<td{kind}>{cell}</td>' for kind, cell in zip(kinds, row, strict=True))}</tr>" for row in rows
    )
    return f'<table class="wide"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


def _duration(seconds: float) -> str:
    for size, unit in ((172800, 86400), (7200, 3600), (120, 60)):
        if seconds >= size:
            return f"{seconds / unit:.0f} {({86400: 'days', 3600: 'h', 60: 'min'})[unit]}"
    return f"{seconds:.0f} s"
