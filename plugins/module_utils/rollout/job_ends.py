# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why the pods of Jobs failed that are gone when the Job has failed.

Kubernetes removes the pod of a Job whose containers restart in place (restartPolicy OnFailure) with its log as soon as
the Job has failed, and all pods with a Job whose TTL is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..kube.api import KubeObserver
from ..kube.deadline import Deadline
from ..kube.errors import KubeError
from ..readiness.fields import metadata, name, spec, uid
from ..readiness.pods import containers
from ..readiness.tree import Tree
from .targets import Target

_SECONDS = 5.0  # of one log


class JobEnds:
    """The pods that such Jobs had when last seen, and the ``lines`` last lines of their containers that failed."""

    def __init__(self, kube: KubeObserver, lines: int) -> None:
        self._kube, self._lines = kube, lines
        self._trees: dict[Target, Tree] = {}
        self._noted: set[tuple[str, str, int]] = set()
        self.logs: dict[tuple[str, str], str] = {}  # by a pod's uid and a container's name

    def note(self, target: Target, tree: Tree | None) -> None:
        """Reads the log of each end once, while it is there."""
        if tree is None or target.kind != "Job" or target.custom:
            return
        pods = [pod for pod in tree.new_pods if target.passing or spec(pod).get("restartPolicy") == "OnFailure"]
        if pods:
            self._trees[target] = tree
        for pod in pods if self._lines else ():
            self._read(pod)

    def last(self, target: Target, tree: Tree | None) -> Tree | None:
        """The tree with the pods that it had; itself, if it has some or nothing is known of it."""
        known = self._trees.get(target)
        if known is None or (tree is not None and (tree.new_pods or uid(tree.workload) != uid(known.workload))):
            return tree
        return known if tree is None else replace(tree, new_pods=known.new_pods)

    def _read(self, pod: Mapping[str, Any]) -> None:
        namespace = str(metadata(pod).get("namespace") or "")
        for view in containers(pod):
            key = (uid(pod), view.name, view.restarts)
            if not view.last_end.get("exitCode") or key in self._noted:
                continue
            self._noted.add(key)
            with suppress(KubeError):  # it may be gone already
                log = self._kube.logs(
                    namespace, name(pod), view.name, previous=view.running is not None, tail=self._lines,
                    deadline=Deadline.after(_SECONDS),
                )  # fmt: skip
                self.logs[uid(pod), view.name] = log or self.logs.get((uid(pod), view.name), "")
