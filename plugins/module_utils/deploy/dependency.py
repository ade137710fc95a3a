# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The new version, or what it depends on? When the old pods are unready too, going back would not help anybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..failure import Code, Failure
from ..kube.api import KubeReader
from ..kube.resources import DEPLOYMENT, POD, REPLICA_SET
from ..readiness.daprd import pods_of
from ..readiness.pods import was_ready
from ..rollout.verdict import Verdict

_HASH = "pod-template-hash"
_REVISION = "deployment.kubernetes.io/revision"


def dependency_down(kube: KubeReader, namespace: str, verdict: Verdict) -> dict[str, Failure]:
    """Releases whose failing Deployment has old pods that are all unready, with the failure rewritten to say so."""
    failing = {
        w.target.name: (w.target.release, w.failure)
        for w in verdict.workloads
        if w.failure is not None and w.target.kind == DEPLOYMENT.kind
    }
    if not failing:
        return {}
    deployments = [d for d in kube.list_(DEPLOYMENT, namespace)[0] if d["metadata"]["name"] in failing]
    sets, pods = kube.list_(REPLICA_SET, namespace)[0], kube.list_(POD, namespace)[0]
    found = {}
    for deployment in deployments:
        release, failure = failing[deployment["metadata"]["name"]]
        old = old_pods(deployment, sets, pods)
        # Old pods that never were ready tell nothing: they may be a bad release themselves.
        if failure is not None and any(was_ready(pod) for pod in old) and not any(_ready(pod) for pod in old):
            names = ", ".join(sorted(pod["metadata"]["name"] for pod in old))
            said = f"the old pods ({names}) are unready too, so something it depends on is down"
            text = f"{release}: {said}: {failure.message}"
            found[release] = Failure(
                Code.DEPENDENCY_DOWN, text, {**failure.details, "release": release, "cause": failure.code.value}
            )
    return found


def old_pods(
    deployment: Mapping[str, Any], sets: Iterable[Mapping[str, Any]], pods: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Living pods of a Deployment's earlier revisions."""
    uid = deployment["metadata"]["uid"]
    owned = [s for s in sets if any(o.get("uid") == uid for o in s["metadata"].get("ownerReferences") or ())]
    revision = (deployment["metadata"].get("annotations") or {}).get(_REVISION)
    newest = {
        (s["metadata"].get("labels") or {}).get(_HASH)
        for s in owned
        if (s["metadata"].get("annotations") or {}).get(_REVISION) == revision
    }
    old = {(s["metadata"].get("labels") or {}).get(_HASH) for s in owned} - newest
    return [
        pod
        for pod in pods_of(deployment, pods)
        if (pod["metadata"].get("labels") or {}).get(_HASH) in old and not pod["metadata"].get("deletionTimestamp")
    ]


def _ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
