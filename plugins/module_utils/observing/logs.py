# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of logs from VictoriaLogs, of pods that are gone, too (https://docs.victoriametrics.com/victorialogs/logsql/)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..failure import Code, error
from .source import Source, json_of

# As apps, Dapr and Traefik spell levels.
LEVELS: Mapping[str, tuple[str, ...]] = {
    "error": ("error", "fatal", "critical", "panic"),
    "warning": ("warning", "warn"),
    "info": ("info",),
    "debug": ("debug",),
}
# Who says whose trace a line is: apps; the ingress controller, by what the app answered, else what the client sent.
_TRACES = ('"trace_id":=%s', '"downstream_X-Trace-Id":=%s', '"request_Traceparent":%s')
_SINCE = re.compile(r"[1-9][0-9]{0,8}[smhdw]")


def query_of(wanted: Mapping[str, Any]) -> str:
    """The query for ``namespace``, ``since``, and whatever is given of ``with_namespaces``, ``labels``, ``pod``,
    ``container``, ``level``, ``trace_id``, ``text``; at most ``limit`` lines, the last ones.

    Raises:
        TodoCloudError: ``since`` or ``level`` is none.
    """
    if not _SINCE.fullmatch(str(wanted["since"])):
        raise error(
            Code.INVALID_INPUT, f"since ({wanted['since']}) must be a number with s, m, h, d or w, such as 10m."
        )
    namespaces = [wanted["namespace"], *(wanted.get("with_namespaces") or [])]
    places = [_is("kubernetes.pod_namespace", each) for each in namespaces]
    parts = [f"_time:{wanted['since']}", places[0] if len(places) == 1 else f"({' or '.join(places)})"]
    parts += [_is(f"kubernetes.pod_labels.{name}", text) for name, text in (wanted.get("labels") or {}).items()]
    if wanted.get("pod"):
        parts.append(_is("kubernetes.pod_name", wanted["pod"]))
    if wanted.get("container"):
        parts.append(_is("kubernetes.container_name", wanted["container"]))
    if wanted.get("level"):
        if wanted["level"] not in LEVELS:
            raise error(Code.INVALID_INPUT, f"level ({wanted['level']}) must be one of {', '.join(LEVELS)}.")
        told = " or ".join(f"level:i({_quoted(each)})" for each in LEVELS[wanted["level"]])
        parts.append(f"({told})")
    if wanted.get("trace_id"):
        parts.append(f"({' or '.join(each % _quoted(str(wanted['trace_id'])) for each in _TRACES)})")
    if wanted.get("text"):
        parts.append(f"i({_quoted(str(wanted['text']))})")
    return f"{' '.join(parts)} | sort by (_time) desc limit {int(wanted['limit'])}"


def wanted_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """For :func:`query_of`, of a module's options."""
    name = params["of_service"]
    known = (params["services"].get(name) or {}).get("pods") if name else None
    labels = dict(known or {"app.kubernetes.io/instance": name}) if name else {}
    same = {key: params[key] for key in ("pod", "since", "level", "text", "trace_id", "limit")}
    places = {"namespace": params["of_namespace"], "with_namespaces": params["with_namespaces"]}
    return {**places, "labels": labels, **same}


def lines(source: Source, wanted: Mapping[str, Any]) -> list[dict[str, str]]:
    """``time``, ``pod``, ``container``, ``level``, ``trace_id`` and ``message`` of each, the oldest first."""
    body = source.get("select/logsql/query", {"query": query_of(wanted)})
    # Without the Z, which is more than any digit: fractions of a second are as long as they need to be.
    return sorted(_lines(source, body), key=lambda line: line["time"].rstrip("Z"))


def _lines(source: Source, body: str) -> Iterator[dict[str, str]]:
    for text in body.split("\n"):  # splitlines() also knows ends that JSON leaves as they are
        if not text.strip():
            continue
        line = json_of(source, text)
        named = {
            "time": "_time", "pod": "kubernetes.pod_name", "container": "kubernetes.container_name", "level": "level",
            "trace_id": "trace_id", "message": "_msg",
        }  # fmt: skip
        told = {key: str(line.get(field) or "") for key, field in named.items()}
        yield told | _access(line) if line.get("RequestMethod") else told


def _access(line: Mapping[str, Any]) -> dict[str, str]:
    """Traefik tells of a request by fields, without a message."""
    method, host, path, status, trace = (
        str(line.get(field) or "")
        for field in ("RequestMethod", "RequestHost", "RequestPath", "DownstreamStatus", "downstream_X-Trace-Id")
    )
    return {"message": f"{method} {host}{path} {status}", "trace_id": trace}


def _is(field: str, text: str) -> str:
    return f"{_quoted(field)}:={_quoted(str(text))}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
