# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Does anybody listen where a readiness probe asks? Asked through the API server, where the kubelet tells no more.

Kubelets fall silent after 25 events of one pod: with a probe every second that is before any grace is over, and what
they said last proves nothing of now.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..kube.api import KubeObserver
from ..kube.errors import Forbidden, KubeError, Unreachable
from ..readiness.fields import Object, metadata, name, uid
from ..readiness.starting import NO_ANSWER, Question, open_question
from ..readiness.symptoms import Symptom
from ..readiness.tree import Tree

_ATTEMPT_SECONDS = 2.0
# A refusal counts for so long, and is asked for again so soon: whoever listens by now must not fail for an old one.
_COUNTS_SECONDS = 4.0
_AGAIN_SECONDS = 2.0


class Listening:
    """Asks one container per workload again and again, as long as it is refused. Needs ``get`` on ``pods/proxy``.

    Without that right, where the API server does not reach pods, or once something has answered, nothing is concluded.
    """

    def __init__(self, kube: KubeObserver) -> None:
        self._kube = kube
        self._refused: dict[tuple[str, str, float], tuple[float, Object]] = {}
        self._settled: set[tuple[str, str, float]] = set()
        self._denied = False

    @property
    def told(self) -> list[Object]:
        """Refusals of the last seconds, as the kubelet would have told them in events."""
        return [event for at, event in self._refused.values() if time.monotonic() - at <= _COUNTS_SECONDS]

    def ask(self, tree: Tree, waiting: Sequence[Symptom], events: Sequence[Object]) -> float:
        """Ask if there is something to ask; returns the seconds after which another look is worth while.

        ``events``: the kubelet's own.
        """
        now = self._kube.server_now()
        question = None if self._denied else open_question(tree, waiting, events, now)
        if question is None:
            return _AGAIN_SECONDS if any(symptom.reason == NO_ANSWER for symptom in waiting) else float("inf")
        key = (uid(question.pod), question.container, question.since)
        if key in self._settled:
            return float("inf")
        age = time.monotonic() - self._refused[key][0] if key in self._refused else _AGAIN_SECONDS
        if age < _AGAIN_SECONDS:
            return _AGAIN_SECONDS - age
        event = question.refused(self._answer(question), now)
        if event is None:
            self._refused.pop(key, None)
            self._settled.add(key)
            return float("inf")
        self._refused[key] = (time.monotonic(), event)
        return 0.0

    def _answer(self, question: Question) -> str:
        """The API server's words if it gets no connection; empty if something answers, or it can't be asked."""
        pod = f"{'https:' if question.tls else ''}{name(question.pod)}"
        namespace = str(metadata(question.pod).get("namespace"))
        try:
            self._kube.proxy_get(namespace, pod, question.port, question.path, timeout=_ATTEMPT_SECONDS)
        except (Forbidden, Unreachable) as exc:
            self._denied = isinstance(exc, Forbidden)
        except KubeError as exc:
            return str(exc.failure.details.get("api_message") or "")
        return ""
