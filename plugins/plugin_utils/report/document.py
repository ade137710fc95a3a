# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run did, as one document of plain data, from the results of its tasks; docs/schemas/report.json describes it.

Whatever comes from others is bounded, masked and printable in it, so that a page only has to escape it.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.masking import masked
from ansible_collections.todo.cloud.plugins.module_utils.neutral import each_text, printable, shortened

from .links import commit_page, image_page

SCHEMA = 1
_LONGEST_READ = 65_536  # characters of a text that are looked at
_LONGEST = 4_000  # that are kept
_MOST = 400  # entries of a list
_DIFFS = 300_000  # characters of all differences
_PHASE_SECONDS = 0.2  # shorter plays are no part of the timeline
_RELEASE = {"name": "", "action": "", "outcome": "", "detail": "", "from": 0, "tried": 0, "to": 0}
_IMAGES = ("image", "image_before")
_OUTPUTS = ("module_stderr", "stderr", "module_stdout", "stdout")
_OUTPUT_LINES = 30
_ASKED = ("environment", "namespace", "commit", "run_url")  # options of the modules


@dataclass
class Told:
    """Results of a run, as they come. Nothing in it is safe to show."""

    failures: Sequence[Mapping[str, Any]] = field(default_factory=list)  # host, task, message, result
    releases: list[Mapping[str, Any]] = field(default_factory=list)  # results about releases, failed ones too
    verifications: list[Mapping[str, Any]] = field(default_factory=list)
    phases: list[tuple[str, float]] = field(default_factory=list)  # plays, with the time of their start
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class About:
    """The run itself. Times in seconds since 1970."""

    playbooks: Sequence[str]
    began: float
    ended: float
    check: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""
    url: str = ""
    hosts: int = 1
    environment: str = ""  # where no module names one
    variables: Mapping[str, str] = field(
        default_factory=dict
    )  # of the process: a CI job says there where its commit is


def document_of(told: Told, about: About) -> dict[str, Any]:
    """The document."""
    last = told.releases[-1] if told.releases else {}
    planned = "preflight" in last
    failures = list(_failures(told.failures))
    asked = _asked(told)
    verification = last.get("verification") or (told.verifications[-1] if told.verifications else None)
    commit = asked.get("commit") or about.commit
    found = {
        "schema": SCHEMA,
        "outcome": "failed" if failures else "nothing" if not about.hosts else "planned" if planned else "ok",
        "sentence": "",
        "environment": asked.get("environment") or about.environment,
        "namespace": asked.get("namespace", ""),
        "commit": commit,
        "commit_url": commit_page(commit, about.variables),
        "set": int(last.get("set") or 0),
        "run": {
            "playbooks": list(about.playbooks),
            "check": about.check or planned,
            "started": _time(about.began),
            "seconds": round(about.ended - about.began, 1),
            "url": asked.get("run_url") or about.url,
            "versions": dict(about.versions),
        },
        "failures": failures,
        "releases": _releases(last),
        "plan": _entries(last, "plan"),
        "preflight": _entries(last, "preflight") or _problems(failures),
        "drift": _entries(last, "drift"),
        "diff": list(_diffs(last.get("diff"))),
        "timeline": sorted(_timeline(told, about), key=lambda each: (each["start"], -each["seconds"])),
        "endpoint": asked.get("endpoint", ""),
        "availability": last.get("availability"),
        "verification": _verification(verification),
        "verify_job": last.get("verify_job"),
        "bake": last.get("bake"),
        "warnings": list(dict.fromkeys([*_texts(last.get("warnings")), *told.warnings])),
        "notes": _texts(last.get("notes")),
        "helm_calls": int(last.get("helm_calls") or 0),
        "api": {key: int(last.get("api", {}).get(key) or 0) for key in ("requests", "retries", "relists")},
    }
    found["sentence"] = _sentence(found, last)
    document: dict[str, Any] = safe(found)
    return document


def safe(value: Any) -> Any:
    """Plain data of others, for every place where it may be shown: bounded, masked, printable."""
    return each_text(_bounded(value), lambda text: shortened(printable(masked(text)), limit=_limit(text)))


def _limit(text: str) -> int:
    return _DIFFS if text.startswith("--- ") else _LONGEST


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        limit = max(_limit(value), _LONGEST_READ)
        return value if len(value) <= limit else shortened(value, limit=limit)
    if isinstance(value, Mapping):
        return {str(key)[:_LONGEST]: _bounded(item) for key, item in list(value.items())[:_MOST]}
    if isinstance(value, (list, tuple)):
        return [_bounded(item) for item in value[:_MOST]]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)[:_LONGEST]


def _sentence(found: Mapping[str, Any], last: Mapping[str, Any]) -> str:
    where = f"{found['environment']}: " if found["environment"] else ""
    if found["failures"]:
        first = found["failures"][0]
        text = str(first["message"])
        return f"{text.partition(': ')[0]}." if len(_problems([first])) > 1 else text  # they are listed
    if found["outcome"] == "nothing":
        return "No host of an inventory was matched (-i, --limit)."
    if found["outcome"] == "planned":
        table, blocked = _texts(last.get("table")), sum(bool(each.get("certain")) for each in found["preflight"])
        return f"{where}{table[-1] if table else 'no releases'}{f'; {blocked} in the way' if blocked else ''}."
    if not found["releases"]:
        verdict = found["verification"] and found["verification"]["verdict"]
        return f"{where}verified, {verdict}." if verdict else f"{where}nothing failed."
    count = Counter(each["outcome"] for each in found["releases"])
    told = ", ".join(f"{count[outcome]} {outcome}" for outcome in sorted(count, key=lambda one: one == "unchanged"))
    now = f" The environment is at release set {found['set']}." if found["set"] else ""
    return f"{where}{told}.{now}"


def _failures(failed: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each one once: several hosts and several releases may share one."""
    seen: set[str] = set()
    for each in failed:
        result, where = each.get("result") or {}, {"host": each["host"], "task": each["task"]}
        first, entries = result.get("failure"), list[Mapping[str, Any]]()
        if not isinstance(first, Mapping):
            entries = [{"code": "", "message": each["message"], "details": _output(result)}]
        else:
            further = _entries(result, "failures")
            entries = [{**first, "message": each["message"], "became": _became(each["message"], further)}, *further[1:]]
        for entry in entries:
            message = str(entry.get("message") or "")
            if message not in seen:
                seen.add(message)
                details = entry.get("details")
                known = details if isinstance(details, Mapping) else {}
                yield {
                    **where, "code": str(entry.get("code") or ""), "message": message,
                    "became": entry.get("became", ""), "details": known,
                }  # fmt: skip


def _problems(failures: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What a run was refused for, where there are several reasons."""
    return [each for failure in failures for each in _entries(failure["details"], "problems")]


def _became(message: str, further: Sequence[Mapping[str, Any]]) -> str:
    """What was done about a failure, which the message of the run ends with; empty where it does not say."""
    cause = str(further[0].get("message") or "").rstrip(".") if further else ""
    return message.removeprefix(f"{cause}; ") if cause and message.startswith(f"{cause}; ") else ""


def _output(result: Mapping[str, Any]) -> dict[str, Any]:
    """What a program said last."""
    for key in _OUTPUTS:
        if text := str(result.get(key) or "").strip():
            return {"log_tail": text[-_LONGEST_READ:].splitlines()[-_OUTPUT_LINES:]}
    return {}


def _releases(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of the result, with the images of its plan."""
    images = {each.get("name"): each for each in _entries(result, "plan")}
    rows = []
    for each in _entries(result, "releases"):
        plan = images.get(each.get("name"), {})
        row = {key: each.get(key, default) for key, default in _RELEASE.items()}
        shown = {key: str(plan.get(key) or "") for key in _IMAGES}
        rows.append({**row, **shown, **{f"{key}_url": image_page(image) for key, image in shown.items()}})
    return rows


def _verification(found: Any) -> dict[str, Any] | None:
    if not isinstance(found, Mapping) or "verdict" not in found:
        return None
    wanted = ("release", "kind", "name", "state", "message")
    return {
        "verdict": str(found["verdict"]),
        "elapsed": float(found.get("elapsed") or 0),
        "sidecars": str(found.get("sidecars") or ""),
        "workloads": [{key: str(each.get(key, "")) for key in wanted} for each in _entries(found, "workloads")],
        "notes": _texts(found.get("notes")),
    }


def _timeline(told: Told, about: About) -> Iterator[dict[str, Any]]:
    """``start``: seconds since the start of the run."""
    ends = [*(began for _name, began in told.phases[1:]), about.ended]
    for (name, began), end in zip(told.phases, ends, strict=False):
        if end - began >= _PHASE_SECONDS:
            yield _span("phase", name, began - about.began, end - began)
    for result in told.releases:
        for each in _entries(result, "timeline"):
            start = float(each.get("start") or 0) - about.began
            yield _span(
                str(each.get("kind") or ""), str(each.get("name") or ""), start, float(each.get("seconds") or 0),
                str(each.get("release") or ""), str(each.get("outcome") or "ok"),
            )  # fmt: skip


def _span(kind: str, name: str, start: float, seconds: float, release: str = "", outcome: str = "ok") -> dict[str, Any]:
    return {
        "kind": kind, "name": name, "release": release, "start": round(max(start, 0.0), 2),
        "seconds": round(max(seconds, 0.0), 2), "outcome": outcome,
    }  # fmt: skip


def _diffs(diff: Any) -> Iterator[dict[str, str]]:
    """Each object's difference, as far as there is room."""
    left = _DIFFS
    for each in [diff] if isinstance(diff, Mapping) else diff or ():
        before, after = (str(each.get(key) or "") for key in ("before", "after"))
        names = tuple(str(each.get(f"{key}_header") or key) for key in ("before", "after"))
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), names[0], names[1], lineterm="")
        text = "\n".join(lines) if len(before) + len(after) < _DIFFS else ""
        title = names[1].rpartition(" (")[0] or names[1]
        if len(text) > left or not text:
            text = "" if before == after else "It is too long to be shown here."
        left -= len(text)
        if text:
            yield {"title": title, "text": text}


def _asked(told: Told) -> dict[str, str]:
    """Options of the last module that named an environment."""
    failed = [each.get("result") or {} for each in told.failures]
    for result in [*reversed(told.releases), *reversed(told.verifications), *failed]:
        given = (result.get("invocation") or {}).get("module_args")
        if isinstance(given, Mapping) and given.get("environment") and isinstance(given["environment"], str):
            endpoint = given.get("endpoint")
            url = endpoint.get("url") if isinstance(endpoint, Mapping) else ""
            return {**{key: str(given.get(key) or "") for key in _ASKED}, "endpoint": str(url or "")}
    return {}


def _entries(result: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = result.get(key)
    return [dict(each) for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _texts(found: Any) -> list[str]:
    return [str(each) for each in found] if isinstance(found, (list, tuple)) else []


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
