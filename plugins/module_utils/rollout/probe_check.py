# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks through the API server whether something listens on a readiness probe's port.

Kubelets report at most 25 events per pod. With a probe every second the limit is reached before a grace period is over,
and the last event says nothing about the present.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..kube.api import KubeObserver
from ..kube.errors import Forbidden, KubeError, Unreachable
from ..readiness.fields import Object, metadata, name, uid
from ..readiness.starting import NO_ANSWER, ProbeTarget, unreported_probe
from ..readiness.symptoms import Symptom
from ..readiness.tree import Tree

_ATTEMPT_SECONDS = 2.0
# How long a refused connection counts, and when it is checked again: a container that listens by now must not fail.
_COUNTS_SECONDS = 4.0
_AGAIN_SECONDS = 2.0


class ProbeCheck:
    """Checks one container per workload repeatedly while the connection is refused. Needs ``get`` on ``pods/proxy``.

    Without that right, where the API server does not reach pods, or once something has answered, it reports nothing.
    """

    def __init__(self, kube: KubeObserver) -> None:
        self._kube = kube
        self._refused: dict[tuple[str, str, float], tuple[float, Object]] = {}
        self._answered: set[tuple[str, str, float]] = set()
        self._denied = False

    @property
    def events(self) -> list[Object]:
        """Refused connections of the last seconds, as the kubelet's events."""
        return [event for at, event in self._refused.values() if time.monotonic() - at <= _COUNTS_SECONDS]

    def check(self, tree: Tree, waiting: Sequence[Symptom], events: Sequence[Object]) -> float:
        """Checks the next container if there is one; returns the seconds until the next check.

        ``events``: the kubelet's own.
        """
        now = self._kube.server_now()
        target = None if self._denied else unreported_probe(tree, waiting, events, now)
        if target is None:
            return _AGAIN_SECONDS if any(symptom.reason == NO_ANSWER for symptom in waiting) else float("inf")
        key = (uid(target.pod), target.container, target.since)
        if key in self._answered:
            return float("inf")
        age = time.monotonic() - self._refused[key][0] if key in self._refused else _AGAIN_SECONDS
        if age < _AGAIN_SECONDS:
            return _AGAIN_SECONDS - age
        event = target.refusal_event(self._probe(target), now)
        if event is None:
            self._refused.pop(key, None)
            self._answered.add(key)
            return float("inf")
        self._refused[key] = (time.monotonic(), event)
        return 0.0

    def _probe(self, target: ProbeTarget) -> str:
        """The API server's message if it gets no connection; empty if something answers, or it cannot be checked."""
        pod = f"{'https:' if target.tls else ''}{name(target.pod)}"
        namespace = str(metadata(target.pod).get("namespace"))
        try:
            self._kube.proxy_get(namespace, pod, target.port, target.path, timeout=_ATTEMPT_SECONDS)
        except (Forbidden, Unreachable) as exc:
            self._denied = isinstance(exc, Forbidden)
        except KubeError as exc:
            return str(exc.failure.details.get("api_message") or "")
        return ""
