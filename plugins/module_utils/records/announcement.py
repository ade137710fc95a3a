# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tells of a run: an Event in the namespace, a metric for Prometheus, and a webhook.

The metric is a recording rule of a constant, so that it needs no exporter: Prometheus' operator reads it within a
minute, and dashboards draw it as an annotation. Whoever does not listen, or may not be told, fails no run.
"""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Iterator, Mapping
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
from ..labels import RELEASE_EVENTS
from ..masking import masked
from ..neutral import one_line
from .events import Event

RULES = Resource("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules")
_SECONDS = 5.0  # for each of them
_COMPONENT = "todo.cloud"
_LONGEST = 900  # characters of an Event's message; Kubernetes takes 1,024
_MANAGER = "todo-cloud-events"


@dataclass(frozen=True)
class Announce:
    """Who is told. ``webhook``: its URL, which is a secret; ``form``: ``slack`` (a text) or ``json`` (the event)."""

    event: bool = False
    metric: bool = False
    webhook: str = field(default="", repr=False)
    form: str = "slack"

    @classmethod
    def parse(cls, raw: Mapping[str, Any] | None) -> Announce:
        """From the module's option. Raises invalid_input."""
        given = raw or {}
        webhook = str(given.get("webhook") or "")
        parts = urlsplit(webhook)
        if webhook and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise error(Code.INVALID_INPUT, "announce.webhook must be a URL that begins with https:// (or http://).")
        return cls(bool(given.get("event")), bool(given.get("metric")), webhook, given.get("webhook_format") or "slack")


class Announcement:
    """Of one event of one environment."""

    def __init__(self, kube: KubeApi, namespace: str, environment: str, event: Event) -> None:
        self._kube = kube
        self._namespace = namespace
        self._environment = environment
        self._event = event

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
        labels = {
            "namespace": self._namespace, "environment": self._environment, "run": event.run, "outcome": event.outcome,
            "commit": event.commit[:40], "set": str(event.to_set), "code": event.code,
        }  # fmt: skip
        at = datetime.strptime(event.time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
        values = {
            "timestamp_seconds": at,
            "duration_seconds": event.seconds,
            "outage_seconds": event.longest_gap_ms / 1000,
        }
        rules = [
            {"record": f"todo:run:{name}", "expr": f"vector({value:.3f})", "labels": labels}
            for name, value in values.items()
        ]
        return {
            "apiVersion": RULES.api_version,
            "kind": RULES.kind,
            "metadata": {"name": RELEASE_EVENTS, "labels": {"todo.cloud/events": self._environment}},
            "spec": {"groups": [{"name": RELEASE_EVENTS, "interval": "15s", "rules": rules}]},
        }


def _deadline() -> Deadline:
    return Deadline.after(_SECONDS)
