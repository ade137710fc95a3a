# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a namespace admits the pods of a release that is to come back: tried by a dry run, which stores nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..failure import Code, error
from ..helm.manifest import objects_of
from ..kube.api import KubeApi
from ..kube.errors import Forbidden, KubeError, Refused
from ..kube.resources import NAMESPACE, POD
from ..readiness.fields import labels
from ..readiness.templates import Template, template_of
from .pod_security import ENFORCE, LEVELS, level_of

_POD_SECURITY = "violates PodSecurity"
_SEEN_SECONDS = 5.0
_LIMIT_RANGE = re.compile(r"(maximum|minimum) \S+ usage per|max limit to request ratio")
# Names of checks of the level baseline: what violates them needs privileged.
# Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
_PRIVILEGED = re.compile(
    r"host namespaces|privileged|hostPort|hostProcess|procMount|seLinuxOptions|forbidden (sysctls|AppArmor)"
)


def pod_templates(manifest: str) -> Iterator[Template]:
    """Of each workload of a manifest, the pods that it makes."""
    for item in objects_of(manifest):
        template = template_of(item)
        if template and template.spec.get("containers"):
            yield template


def refusals(kube: KubeApi, namespace: str, manifests: Iterable[str]) -> list[str]:
    """Workloads whose pods Pod Security or a LimitRange refuses, with the reason; empty where that can't be tried.

    What is exceeded for a moment (a quota) or comes with the release (a service account) is not looked at.
    """
    found = []
    for manifest in manifests:
        for template in pod_templates(manifest):
            try:
                kube.create(POD, namespace, _trial(namespace, template), dry_run=True)
            except Refused as exc:
                text = str(exc.failure.details.get("api_message") or exc)
                if _POD_SECURITY in text or _LIMIT_RANGE.search(text):
                    found.append(f"{template.owner}: {_reason(text)}")
            except KubeError:
                continue
    return found


class Admission:
    """Lets a namespace admit what comes back, by a lower level of Pod Security, if the credentials may set it."""

    def __init__(self, kube: KubeApi, namespace: str, manifests: Iterable[str]) -> None:
        self._namespace = namespace
        self._manifests = tuple(manifests)
        self._now = ""
        self.refused = refusals(kube, namespace, self._manifests)

    def check(self, kube: KubeApi) -> None:
        """Raises rollback_refused, with the command that helps, where the credentials may not change the label."""
        if not self.refused:
            return
        there = kube.find(NAMESPACE, "", self._namespace, metadata_only=True) or {}
        self._now = level_of(labels(there))
        by_label = all(_POD_SECURITY in each for each in self.refused)
        needed = LEVELS[0] if any(_PRIVILEGED.search(each) for each in self.refused) else LEVELS[1]
        if by_label:
            try:
                kube.patch(NAMESPACE, "", self._namespace, _label(needed), dry_run=True)
                return
            except Forbidden:
                pass
        raise self._refusal(needed if by_label else "")

    def open(self, kube: KubeApi, progress: Callable[[str], None]) -> str:
        """Lowers the level as far as needed; a warning about it, empty when nothing was refused."""
        if not self.refused:
            return ""
        lower = LEVELS[: LEVELS.index(self._now)] if self._now in LEVELS else LEVELS
        for level in reversed(lower):
            progress(f"namespace {self._namespace}: Pod Security goes from {self._now} to {level}")
            kube.patch(NAMESPACE, "", self._namespace, _label(level))
            if not self._refused_at(kube, level):
                return (
                    f"Pod Security of namespace {self._namespace} was lowered from {self._now} to {level}: it did not "
                    "admit what was to come back. site.yml compares before it raises it again."
                )
        kube.patch(NAMESPACE, "", self._namespace, _label(self._now if self._now != LEVELS[0] else None))
        raise self._refusal("")

    def _refused_at(self, kube: KubeApi, level: str) -> list[str]:
        """What the level refuses; waited for, since the API server sees a new label a moment after it was written."""
        deadline = time.monotonic() + _SEEN_SECONDS
        while True:
            found = refusals(kube, self._namespace, self._manifests)
            old = any(_POD_SECURITY in each and f'"{level}:' not in each for each in found)
            if not old or time.monotonic() > deadline:
                return found
            time.sleep(0.2)

    def _refusal(self, level: str) -> Exception:
        command = f"kubectl label namespace {self._namespace} {ENFORCE}={level} --overwrite"
        help_ = (
            f" These credentials may not change the label. With others: {command}"
            if level
            else " Its Pod Security or LimitRange has to allow them first."
        )
        text = f"Namespace {self._namespace} would not admit what comes back: {'; '.join(self.refused)}."
        return error(Code.ROLLBACK_REFUSED, f"{text} Nothing was rolled back.{help_}", missing=self.refused)


def _label(level: str | None) -> dict[str, Any]:
    return {"metadata": {"labels": {ENFORCE: level}}}


def _trial(namespace: str, template: Template) -> dict[str, Any]:
    pod = template.pod("todo-cloud-trial")
    pod["metadata"]["namespace"] = namespace
    pod["spec"]["serviceAccountName"] = "default"
    pod["spec"].pop("priorityClassName", None)
    return pod


def _reason(text: str) -> str:
    """Without what is said of the trial itself."""
    return " ".join(text.partition("is forbidden: ")[2].split()) or text
