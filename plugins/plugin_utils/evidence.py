# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person is shown of a result: the message of a task that prints one, the evidence of a failure, and the objects
of a release that is new.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.todo.cloud.plugins.callback.summary import problems
from ansible_collections.todo.cloud.plugins.module_utils.masking import masked
from ansible_collections.todo.cloud.plugins.module_utils.neutral import one_line, printable, shortened
from ansible_collections.todo.cloud.plugins.module_utils.readiness.log_lines import as_read

# As planning/diff.py names an object of a release that is not there yet.
_NEW = re.compile(r"(?P<release>[^:]+): (?P<object>.+) \(not installed\)")
_IMAGE = re.compile(r"^[ -]*image: (\S+)$", re.MULTILINE)
_LONG_DIGEST = re.compile(r"(?<=@sha256:)([0-9a-f]{12})[0-9a-f]+")
_FAILURES, _LOG_LINES, _EVENTS, _OUTPUT_LINES, _LONGEST = 4, 6, 3, 5, 400


def message(result: Mapping[str, Any]) -> list[str] | None:
    """The lines of a debug task's message; None where it prints data."""
    if "censored" in result:
        return ["its output is hidden (no_log)"]
    if isinstance(text := result.get("msg"), str):
        return [printable(line) for line in text.split("\n")]
    if isinstance(text, (list, tuple)) and all(isinstance(line, (str, int, float)) for line in text):
        return [printable(line) for each in text for line in str(each).split("\n")]
    return None


def new_objects(diff: Sequence[Any]) -> tuple[list[str], list[Any]]:
    """A line for each release that is new, with its objects and their images, and what else differs."""
    releases: dict[str, list[str]] = {}
    others = []
    for entry in diff:
        header = str(entry.get("before_header")) if isinstance(entry, Mapping) else ""
        if not (new := _NEW.fullmatch(header)):
            others.append(entry)
            continue
        images = _LONG_DIGEST.sub(r"\1", ", ".join(dict.fromkeys(_IMAGE.findall(str(entry.get("after"))))))
        releases.setdefault(new["release"], []).append(new["object"] + (f" ({images})" if images else ""))
    lines = (f"{name}: {', '.join(sorted(names, key=_without_image))}" for name, names in releases.items())
    return list(map(one_line, lines)), others


def _without_image(name: str) -> bool:
    return not name.endswith(")")


def evidence(result: Mapping[str, Any]) -> Iterator[str]:
    """What tells why it failed: problems, last lines of logs, events, or the last lines of a program."""
    if "censored" in result:
        return
    said = one_line(str(result.get("msg") or ""))
    listed = result.get("failures") or [result.get("failure")]
    failures = [each for each in _listed(listed) if isinstance(each, Mapping)]
    for failure in failures[:_FAILURES]:
        text = _line(failure.get("message") or "")
        if text.rstrip(".") not in said and not problems(failure):
            yield text
        yield from _details(failure)
    if len(failures) > _FAILURES:
        yield f"and {len(failures) - _FAILURES} failures more"
    if not failures and "rc" in result:
        lines = [line for line in str(result.get("stderr") or result.get("stdout") or "").splitlines() if line.strip()]
        if len(lines) > 1:  # the last one alone is the reason
            yield from map(_line, lines[-_OUTPUT_LINES:])


def _details(failure: Mapping[str, Any]) -> Iterator[str]:
    details = failure.get("details")
    if not isinstance(details, Mapping):
        return
    if len(found := problems(failure)) > 1:
        for each in found:
            yield _line(": ".join(str(each[key]) for key in ("release", "message", "remedy") if each.get(key)))
        return
    if isinstance(details.get("pod"), str):
        container = details.get("container")
        yield _line(f"pod {details['pod']}" + (f", container {container}" if isinstance(container, str) else ""))
    log = _listed(details.get("log_tail")) or _listed(details.get("previous_log_tail"))
    for line in as_read([str(each) for each in log], _LOG_LINES):
        yield f"log: {_line(line.text)}{line.count}"
    for event in _listed(details.get("events"))[-_EVENTS:]:
        if isinstance(event, Mapping) and event.get("message"):
            count = event.get("count")
            times = f" ({count} times)" if isinstance(count, int) and count > 1 else ""
            yield _line(f"event: {event.get('reason')}: {event.get('message')}{times}")


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else []


def _line(text: Any) -> str:
    return shortened(one_line(masked(str(text))), limit=_LONGEST)
