# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Restarts pods without their sidecar: one after another, by eviction, only those that a known controller makes again.

An eviction asks the disruption budgets by itself.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..failure import one_or_many
from ..kube.api import KubeClient
from ..kube.deadline import Deadline
from ..kube.errors import Conflict, Forbidden, KubeError, NotFound, Unreachable
from ..kube.resources import Resource
from ..readiness.daprd import AppSidecars, lacks_sidecar, living
from ..readiness.fields import labels, name, uid
from ..readiness.pods import is_ready
from ..readiness.selectors import matches
from .check import SidecarCheck, SidecarReport
from .owners import Owner, owners_of

BUDGET = Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
_BUDGET_SECONDS = 10.0  # for how long a budget that allows nothing now is asked again
_POLL_SECONDS = 0.5
_TOO_MANY_REQUESTS = 429


@dataclass
class Restarted:
    """Names of the pods that were restarted, and why others were not."""

    pods: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)


class Restart:
    """One repair. What it may touch was read by ``check``, and is read again before each write."""

    def __init__(
        self,
        kube: KubeClient,
        namespace: str,
        progress: Callable[[str], None],
        deadline: Deadline,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._progress = progress
        self._deadline = deadline
        self._pause = pause

    def run(self, check: SidecarCheck, report: SidecarReport) -> Restarted:
        """Raises injector_down before anything is touched where new pods would get no sidecar either."""
        done = Restarted()
        check.verify_injector()
        for app, owner in zip(report.apps, report.owners, strict=True):
            why = "its controller is none that makes pods again" if not owner.restarts else check.unselected(owner)
            if app.lacking and why:
                done.kept |= dict.fromkeys(app.lacking, why)
            elif app.lacking:
                self._workload(app, owner, done)
        return done

    def _workload(self, app: AppSidecars, owner: Owner, done: Restarted) -> None:
        lacking = sorted((pod for pod in owner.pods if lacks_sidecar(pod)), key=is_ready)  # those that serve come last
        missing = one_or_many(map(name, lacking), "the Dapr sidecar of {} is", "the Dapr sidecars of {} are")
        self._progress(f"{app.workload}: {missing} missing; restarted one after another")
        for number, pod in enumerate(lacking, 1):
            if self._stands(owner, pod):
                self._progress(f"{app.workload}: restarting pod {name(pod)} ({number} of {len(lacking)})")
                if why := self._evict(pod):
                    done.kept |= {name(each): why for each in lacking[number - 1 :]}
                    return
                done.pods.append(name(pod))
            if number < len(lacking) and (why := self._not_replaced(owner, lacking)):
                done.kept |= {name(each): why for each in lacking[number:]}
                return

    def _stands(self, owner: Owner, pod: Mapping[str, Any]) -> bool:
        """Is it still a pod of the newest revision, and still without its sidecar?"""
        return any(uid(each) == uid(pod) and lacks_sidecar(each) for each in self._pods(owner))

    def _evict(self, pod: Mapping[str, Any]) -> str:
        """Why it was not evicted; empty if it was, or if it is gone by itself."""
        eviction = Resource("v1", "Eviction", f"pods/{name(pod)}/eviction")  # a subresource of the pod
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name(pod), "namespace": self._namespace},
            "deleteOptions": {"preconditions": {"uid": uid(pod)}},
        }
        try:
            self._kube.create(eviction, self._namespace, body, deadline=self._deadline.earlier(_BUDGET_SECONDS))
        except (NotFound, Conflict):
            return ""
        except Forbidden as exc:
            return str(exc).rstrip(".")
        except Unreachable as exc:
            if exc.status != _TOO_MANY_REQUESTS:
                raise
            budgets = list(self._budgets(pod)) or ["of its pods"]
            allow = one_or_many(budgets, "disruption budget {} allows", "disruption budgets {} allow")
            return f"{allow} no disruption now"
        return ""

    def _budgets(self, pod: Mapping[str, Any]) -> Iterator[str]:
        try:
            budgets = self._kube.list_(BUDGET, self._namespace)[0]
        except KubeError:
            return
        yield from (name(each) for each in budgets if matches(each["spec"].get("selector"), labels(pod)))

    def _not_replaced(self, owner: Owner, before: list[dict[str, Any]]) -> str:
        """Waits until as many pods live as before and the new ones are ready; why the next one must stay."""
        old = {uid(pod) for pod in before}
        while True:
            pods = self._pods(owner)
            new = [pod for pod in pods if uid(pod) not in old]
            if bare := [name(pod) for pod in new if lacks_sidecar(pod)]:
                return f"pod {bare[0]}, made meanwhile, has no sidecar either"
            if len(pods) >= len(owner.pods) and all(map(is_ready, new)):
                return ""
            if self._deadline.expired:
                return "the pod that replaces the one before is not ready"
            self._pause(_POLL_SECONDS)

    def _pods(self, owner: Owner) -> list[dict[str, Any]]:
        found = (each for each in owners_of(self._kube, self._namespace) if uid(each.workload) == uid(owner.workload))
        return [pod for each in found for pod in each.pods if living(pod)]
