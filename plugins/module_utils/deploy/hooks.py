# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judges a chart's hooks (Jobs and Pods) while Helm waits for them, and ends Helm when one has failed for good.

Helm only says that a hook failed, or waits for its whole timeout, and may have deleted the evidence by then. A hook
that has not ended is removed when Helm has: otherwise it would do its work later, when nobody expects it any more. One
that has ended is kept or removed by its own helm.sh/hook-delete-policy.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..failure import Code, Failure, TodoCloudError
from ..helm.errors import HelmError
from ..helm.manifest import objects_of
from ..helm.storage import HelmReader
from ..kube.api import Check, KubeClient, Object
from ..kube.deadline import Deadline
from ..kube.errors import KubeError
from ..kube.resources import EVENT, JOB, POD, Resource
from ..readiness.fields import is_true, metadata, name, status, timestamp, uid
from ..readiness.judge import Clock, Judge, Judgement
from ..readiness.pods import containers
from ..readiness.status import State
from ..readiness.symptoms import Symptom
from ..readiness.tree import Tree, tree_of
from ..rollout.diagnosis import Diagnosis
from ..rollout.targets import Target
from ..rollout.waiter import blamed
from ..settings import Progress, Settings

_FIRST_LOOK_SECONDS = 1.0  # most Helm calls, those without hooks, are over by then
_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 5.0  # of one look, whatever the API does
_OLDER_SECONDS = 2.0  # timestamps are whole seconds
_KINDS: dict[str, Resource] = {"Job": JOB, "Pod": POD}


class HookWatch:
    """Watches the hooks of one Helm call. ``release``: its name."""

    def __init__(
        self, kube: KubeClient, storage: HelmReader, settings: Settings, progress: Progress, release: str
    ) -> None:
        self._kube, self._storage, self._settings, self._release = kube, storage, settings, release
        self._progress = progress
        self._over = threading.Event()
        self._began = 0.0  # by the server's clock
        self._targets: list[Target] = []
        self._judges: dict[str, Judge] = {}  # by uid
        self._seen: dict[str, tuple[Target, Tree, Judgement]] = {}  # hooks that have not ended, by uid
        self._ended_badly: dict[str, Failure] = {}  # what their pods failed of, by uid
        self._failure: Failure | None = None
        self._told: set[tuple[str, int]] = set()

    def check(self, sure: bool = True) -> None:
        """Asked while Helm runs. Raises HelmError when a hook has failed for good."""
        if self._failure is not None:
            raise HelmError(self._failure, transient=False)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Around the Helm call. An error of a hook gets its evidence, and hooks that have not ended are removed."""
        self._began = self._kube.server_now()
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        except HelmError as exc:
            self._end(thread)
            if exc.transient or not (self._failure or exc.failure.code is Code.HELM_FAILED):
                raise
            explained = self._explained(exc)
            self._remove_unfinished()
            raise explained from exc
        finally:
            self._end(thread)

    def _end(self, thread: threading.Thread) -> None:
        self._over.set()
        thread.join(_PATIENCE_SECONDS + _LOOK_SECONDS)

    def _watch(self) -> None:
        pause = _FIRST_LOOK_SECONDS
        while not self._over.wait(pause) and self._failure is None:
            pause = _LOOK_SECONDS
            with suppress(TodoCloudError):  # what cannot be read is not judged
                if not self._targets and not self._find_hooks():
                    return
                self._look()

    def _find_hooks(self) -> bool:
        """Whether the revision that Helm is at has hooks that can be judged; True also if there is no revision yet."""
        newest = self._storage.history(self._release)[-1:]
        if not newest or not (newest[0].status.pending or newest[0].status.value == "uninstalling"):
            return True
        stored = self._storage.read(self._release, newest[0].revision)
        for item in (item for hook in stored.hooks for item in objects_of(hook)):
            about: Any = item.get("metadata")
            if item.get("kind") in _KINDS and isinstance(about, dict):
                where = str(about.get("namespace") or self._settings.namespace)
                api, kind = str(item.get("apiVersion")), str(item["kind"])
                self._targets.append(Target(api, kind, where, str(about.get("name")), self._release))
        return bool(self._targets)

    def _look(self) -> None:
        deadline = Deadline.after(_PATIENCE_SECONDS)
        for target in self._targets:
            tree = self._tree(target, deadline)
            if tree is None:
                continue
            key = uid(tree.workload)
            judge = self._judges.setdefault(key, Judge(self._settings.wait.patience(self._release).graces))
            judgement = judge.look(tree, Clock(time.monotonic(), self._kube.server_now()))
            self._note_ends(target, tree)
            if _has_ended(tree):
                self._seen.pop(key, None)
            else:
                self._seen[key] = target, tree, judgement
            if judgement.status.state is State.CURRENT:
                self._ended_badly.pop(key, None)  # a later try was good
            if judgement.terminal:
                failure, known = self._diagnosed(target, tree, judgement.terminal[0]), self._ended_badly.get(key)
                # A Job's pod that restarts in place is removed as soon as the Job has failed.
                self._failure = known if known and not failure.details["pod"] else failure
                return

    def _tree(self, target: Target, deadline: Deadline) -> Tree | None:
        """A hook of this call, with its pods; None when it does not exist, or is of an earlier call."""
        found = self._kube.find(_KINDS[target.kind], target.namespace, target.name, deadline=deadline)
        born = timestamp(metadata(found).get("creationTimestamp")) if found else None
        if found is None or (born is not None and born < self._began - _OLDER_SECONDS):
            return None
        found = {**found, "kind": target.kind}
        selector = f"batch.kubernetes.io/controller-uid={uid(found)}"
        pods = (
            self._kube.list_(POD, target.namespace, label_selector=selector, deadline=deadline)[0]
            if target.kind == "Job"
            else []
        )
        return tree_of(found, [{**pod, "kind": "Pod"} for pod in pods])

    def _note_ends(self, target: Target, tree: Tree) -> None:
        """Keeps why a pod failed: Helm may delete it as soon as the hook has failed, and a Job tries again."""
        for pod in tree.new_pods:
            failed = next((view for view in containers(pod) if view.last_end.get("exitCode")), None)
            key = (uid(pod), failed.restarts if failed else 0)
            if failed is None or key in self._told:
                continue
            self._told.add(key)
            end = failed.last_end
            symptom = Symptom(
                Code.POD_FAILED, "pod_failed", str(end.get("reason") or "Error"), "", name(pod), uid(pod), failed.name,
                failed.role, end.get("exitCode"), failed.restarts,
            )  # fmt: skip
            failure = self._diagnosed(target, tree, symptom)
            self._progress(failure.message)
            code = Code.JOB_FAILED if target.kind == "Job" else failure.code
            self._ended_badly[uid(tree.workload)] = Failure(code, failure.message, failure.details)

    def _diagnosed(self, target: Target, tree: Tree, symptom: Symptom) -> Failure:
        wait = self._settings.wait
        diagnosis = Diagnosis(self._kube, wait.log_lines, self._began, _PATIENCE_SECONDS, wait.log_store)
        return self._of_hook(diagnosis.failure(target, tree, symptom, self._events(tree), ()))

    def _events(self, tree: Tree) -> list[Object]:
        namespace = str(metadata(tree.workload).get("namespace"))
        names = {uid(each) for each in tree.objects}
        with suppress(KubeError):
            found = self._kube.list_(EVENT, namespace, deadline=Deadline.after(_PATIENCE_SECONDS))[0]
            return [event for event in found if (event.get("involvedObject") or {}).get("uid") in names]
        return []

    def _of_hook(self, failure: Failure) -> Failure:
        return Failure(failure.code, f"{self._release}: hook {failure.message}", {**failure.details, "hook": True})

    def _explained(self, failed: HelmError) -> HelmError:
        """Helm's own error with what is known of the hooks."""
        if self._failure is not None:
            return HelmError(self._failure, transient=False)
        with suppress(TodoCloudError):
            if self._targets or self._find_hooks():
                self._look()
        found = self._failure or next(iter(self._ended_badly.values()), None)
        if found is None and self._seen:
            found = self._not_ended(*next(iter(self._seen.values())))
        return HelmError(found, transient=False) if found else failed

    def _not_ended(self, target: Target, tree: Tree, judgement: Judgement) -> Failure:
        """A hook that neither failed nor ended in Helm's time: what its pod waited for, if that is known."""
        cause = blamed(judgement.waiting)
        if cause is None or cause.code in (Code.NOT_READY, Code.PROBE_FAILING):
            return self._of_hook(_unfinished(self._settings.timeout, tree))
        return self._diagnosed(target, tree, cause)

    def _remove_unfinished(self) -> None:
        for _target, tree, _judgement in self._seen.values():
            about = metadata(tree.workload)
            with suppress(TodoCloudError):
                if self._kube.delete(
                    _KINDS[tree.kind], str(about.get("namespace")), name(tree.workload), uid=uid(tree.workload)
                ):
                    self._progress(
                        f"{self._release}: removed hook {tree.kind} {name(tree.workload)}, which had not ended"
                    )


def _has_ended(tree: Tree) -> bool:
    if tree.kind == "Pod":
        return status(tree.workload).get("phase") in ("Succeeded", "Failed")
    return is_true(tree.workload, "Complete") or is_true(tree.workload, "Failed")


def _unfinished(seconds: int, tree: Tree) -> Failure:
    """A hook that neither failed nor ended in Helm's time."""
    pods = [pod for pod in tree.new_pods if status(pod).get("phase") in ("Pending", "Running")]
    running = [f"container {view.name}" for pod in pods for view in containers(pod) if view.running]
    what = f"pod {name(pods[0])} still runs" if pods else "it has no pod"
    where = f" ({', '.join(running)})" if running else ""
    message = f"{tree.kind} {name(tree.workload)} did not end within {seconds} s: {what}{where}."
    details = {"kind": tree.kind, "workload": name(tree.workload), "pod": name(pods[0]) if pods else ""}
    return Failure(Code.TIMEOUT, message, details)


def both(one: Check, other: Check) -> Check:
    """Asks one, then the other."""

    def check(sure: bool = True) -> None:
        one(sure=sure)
        other(sure=sure)

    return check
