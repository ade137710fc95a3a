# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tells of a run: an Event in the namespace, metrics for Prometheus, and a webhook.

The metrics are recording rules of constants, so that they need no exporter: Prometheus' operator reads them within a
minute or two. Those of the last run say when it was and how long it took; those of all runs that are kept are what
dashboards mark and what the figures of DORA follow from, so that no run is missed by a Prometheus that did not look.
Whoever does not listen, or may not be told, fails no run.
"""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils import urls

from ..failure import Code, error
from ..kube.api import APPLY, KubeApi, Object
from ..kube.deadline import Deadline
from ..kube.errors import KubeError, NotFound
from ..kube.resources import EVENT, Resource
from ..labels import ENVIRONMENT_DRIFT, RELEASE_EVENTS
from ..masking import masked
from ..neutral import one_line
from .events import KEEP, Event
from .history import deployments, failures

RULES = Resource("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules")
_SECONDS = 5.0  # for each of them
_COMPONENT = "todo.cloud"
_LONGEST = 900  # characters of an Event's message; Kubernetes takes 1,024
_MANAGER = "todo-cloud-events"


@dataclass(frozen=True)
class Announce:
    """Who is told. ``webhook``: its URL, which is a secret; ``form``: ``slack`` (a text) or ``json`` (the event).
    ``trace_endpoint``: URL of what takes the run's trace; ``trace_parent``: W3C's traceparent of what started the run.
    """

    event: bool = False
    metric: bool = False
    webhook: str = field(default="", repr=False)
    form: str = "slack"
    trace_endpoint: str = ""
    trace_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    trace_parent: str = ""

    @classmethod
    def parse(cls, raw: Mapping[str, Any] | None) -> Announce:
        """From the module's option. Raises invalid_input."""
        given = raw or {}
        for option in ("webhook", "trace_endpoint"):
            parts = urlsplit(str(given.get(option) or ""))
            if given.get(option) and (parts.scheme not in ("http", "https") or not parts.hostname):
                message = f"announce.{option} must be a URL that begins with https:// (or http://)."
                raise error(Code.INVALID_INPUT, message)
        return cls(
            bool(given.get("event")),
            bool(given.get("metric")),
            str(given.get("webhook") or ""),
            given.get("webhook_format") or "slack",
            str(given.get("trace_endpoint") or ""),
            {key: str(value) for key, value in (given.get("trace_headers") or {}).items()},
            str(given.get("trace_parent") or ""),
        )


class Announcement:
    """Of one event of one environment. ``kept``: all that are kept, the newest first."""

    def __init__(
        self, kube: KubeApi, namespace: str, environment: str, event: Event, kept: Sequence[Event] = ()
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._environment = environment
        self._event = event
        self._kept = kept

    def make(self, wanted: Announce) -> Iterator[str]:
        """Tells whom ``wanted`` says; a warning for each who could not be told."""
        if wanted.event:
            with suppress(KubeError):  # people see it, nothing depends on it
                self._kube.create(EVENT, self._namespace, self._kubernetes_event(), deadline=_deadline())
        if wanted.metric:
            try:
                self._kube.patch(
                    RULES, self._namespace, RELEASE_EVENTS, self._rules(), content_type=APPLY,
                    field_manager=_MANAGER, force=True, deadline=_deadline(),
                )  # fmt: skip
            except NotFound:
                pass  # there is no such kind: nobody reads metrics here
            except KubeError as exc:
                yield f"This run is no metric: {exc}"
        if wanted.webhook and (why := self._posted(wanted)):
            yield f"The webhook was not told of this run: {why}."

    @property
    def text(self) -> str:
        """One line for people."""
        event = self._event
        what = f"{self._environment}: {event.run}" + (f" of {event.commit[:12]}" if event.commit else "")
        sets = f", set {event.from_set} to {event.to_set}" if event.to_set != event.from_set else ""
        end = f" {event.outcome} after {event.seconds:.0f} s{sets}, by {event.who}"
        why = f" ({event.code}): {event.message}" if event.code else ""
        gap = f"; longest outage {event.longest_gap_ms:.0f} ms" if event.failed_requests else ""
        return masked(one_line(what + end + gap + why))

    def _posted(self, wanted: Announce) -> str:
        """Why it could not be told; empty when it was. Neither the URL nor the answer is shown: both may be secrets."""
        try:
            answer = urls.open_url(
                wanted.webhook, method="POST", data=json.dumps(self._body(wanted.form)).encode(), timeout=_SECONDS,
                headers={"Content-Type": "application/json"}, follow_redirects="none", http_agent=_COMPONENT,
            )  # fmt: skip
            return "" if answer.getcode() < 300 else f"it answered {answer.getcode()}"
        except (OSError, http.client.HTTPException, urls.ConnectionError, ValueError) as exc:
            code = getattr(exc, "code", None)
            return f"it answered {code}" if isinstance(code, int) else f"it gave no answer ({type(exc).__name__})"

    def _body(self, form: str) -> dict[str, Any]:
        if form == "json":
            content = {
                key: masked(value) if isinstance(value, str) else value
                for key, value in self._event.as_result().items()
            }
            return {"environment": self._environment, "namespace": self._namespace, "text": self.text, **content}
        text = self.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        link = f"\n<{self._event.url}|the run>" if self._event.url.startswith("https://") else ""
        return {"text": text + link}

    def _kubernetes_event(self) -> Object:
        now, event = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", self._event
        well = event.outcome == "succeeded"
        about = {"apiVersion": "v1", "kind": "ConfigMap", "namespace": self._namespace, "name": RELEASE_EVENTS}
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{RELEASE_EVENTS}.{uuid.uuid4().hex[:16]}", "namespace": self._namespace},
            "involvedObject": about,
            "type": "Normal" if well else "Warning",
            "reason": f"{event.run.title().replace(' ', '')}{event.outcome.title()}",
            "message": self.text[:_LONGEST],
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": _COMPONENT},
        }

    def _rules(self) -> Object:
        event = self._event
        labels = self._labels(event.as_result()) | {"commit": event.commit[:40]}
        values = {
            "timestamp_seconds": _seconds(event.time),
            "duration_seconds": event.seconds,
            "outage_seconds": event.longest_gap_ms / 1000,
        }
        last = [_rule(f"todo:run:{name}", value, labels) for name, value in values.items()]
        groups = [{"name": RELEASE_EVENTS, "interval": "15s", "rules": last}]
        if self._kept:
            groups.append({"name": f"{RELEASE_EVENTS}-kept", "interval": "30s", "rules": list(self._history())})
        return _rules_of(RELEASE_EVENTS, self._environment, groups)

    def _history(self) -> Iterator[Object]:
        """Metrics of all runs that are kept; ``began`` makes each a series of its own."""
        runs = [event.as_result() for event in self._kept]
        since = _seconds(runs[-1]["time"]) if len(runs) >= KEEP else 0.0  # older ones may have been removed
        here = {"namespace": self._namespace, "environment": self._environment}
        yield _rule("todo:runs:since_seconds", since, here)
        deployed = deployments(runs)
        failed = {id(each.event): each for each in failures(deployed, runs)}
        for run in runs:
            labels = {**self._labels(run), "began": run["time"], "failed": str(id(run) in failed).lower()}
            yield _rule("todo:runs:began_seconds", _seconds(run["time"]), labels)
            if id(run) in failed and (seconds := failed[id(run)].seconds) is not None:
                yield _rule("todo:runs:restore_seconds", seconds, labels)
            if run["lead_seconds"] and run["outcome"] == "succeeded" and any(run is each for each in deployed):
                yield _rule("todo:runs:lead_seconds", run["lead_seconds"], labels)

    def _labels(self, run: Mapping[str, Any]) -> dict[str, str]:
        return {
            "namespace": self._namespace, "environment": self._environment, "run": run["run"],
            "outcome": run["outcome"], "commit": run["commit"][:12], "set": str(run["to_set"]), "code": run["code"],
        }  # fmt: skip


def tell_drift(kube: KubeApi, namespace: str, environment: str, number: int, releases: int) -> list[str]:
    """Tells Prometheus how many releases differ from the verified set ``number``, until that is told again; a warning
    if it could not be told.
    """
    labels = {"namespace": namespace, "environment": environment, "set": str(number)}
    rule = _rule("todo:environment:drifted_releases", releases, labels)
    body = _rules_of(ENVIRONMENT_DRIFT, environment, [{"name": ENVIRONMENT_DRIFT, "interval": "30s", "rules": [rule]}])
    try:
        kube.patch(
            RULES,
            namespace,
            ENVIRONMENT_DRIFT,
            body,
            content_type=APPLY,
            field_manager=_MANAGER,
            force=True,
            deadline=_deadline(),
        )
    except NotFound:
        pass  # nobody reads metrics here
    except KubeError as exc:
        return [f"Differences from the verified set are no metric: {exc}"]
    return []


def _rules_of(name: str, environment: str, groups: list[Object]) -> Object:
    metadata = {"name": name, "labels": {"todo.cloud/events": environment}}
    return {"apiVersion": RULES.api_version, "kind": RULES.kind, "metadata": metadata, "spec": {"groups": groups}}


def _rule(name: str, value: float, labels: Mapping[str, str]) -> Object:
    return {"record": name, "expr": f"vector({value:.3f})", "labels": dict(labels)}


def _seconds(time: str) -> float:
    """Since the epoch. Anybody may have written it: what is no time is 0."""
    try:
        return datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _deadline() -> Deadline:
    return Deadline.after(_SECONDS)
