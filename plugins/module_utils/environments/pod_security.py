# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether running pods fit a stricter Pod Security level: the API server says so itself when the label is tried.

Source: https://kubernetes.io/docs/tasks/configure-pod-container/enforce-standards-namespace-labels/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..kube.api import KubeApi
from ..kube.resources import NAMESPACE
from .findings import POD_SECURITY, Finding

ENFORCE = "pod-security.kubernetes.io/enforce"
LEVELS = ("privileged", "baseline", "restricted")
_HEAD = re.compile(r'^existing pods in namespace "[^"]*" violate')
_LINE = re.compile(r"^(?P<pods>[a-z0-9.-]+(?: \(and \d+ other pods?\))?): (?P<reason>.+)$", re.DOTALL)


def level_of(labels: Mapping[str, str]) -> str:
    """The level that is enforced."""
    return labels.get(ENFORCE) or LEVELS[0]


def is_stricter(wanted: str, now: str) -> bool:
    """Whether one level forbids more than another; an unknown one may."""
    if wanted not in LEVELS or now not in LEVELS:
        return wanted != now
    return LEVELS.index(wanted) > LEVELS.index(now)


def violations(
    kube: KubeApi, namespace: str, wanted: Mapping[str, str], variable: str = POD_SECURITY
) -> Iterator[Finding]:
    """Pods that could not be created again if the namespace had these labels. One request, which stores nothing."""
    labels = {key: value for key, value in wanted.items() if key.startswith("pod-security.kubernetes.io/")}
    for text in kube.warnings(NAMESPACE, "", namespace, {"metadata": {"labels": labels}}):
        if _HEAD.match(text):
            continue
        if found := _LINE.match(text):
            yield Finding(variable, found["pods"], f"violates {level_of(wanted)}: {found['reason']}")
        elif "PodSecurity" in text:
            yield Finding(variable, namespace, text)
