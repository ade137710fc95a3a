# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The records of an environment, and the environment on one screen; reads only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..dapr.trust import read_trust
from ..deploy.job_output import jobs_of
from ..environments.certificates import certificates
from ..environments.links import read_cuts, sentences
from ..environments.usage import public_hosts, quota_use
from ..failure import Code, TodoCloudError, error
from ..helm.state import Lock
from ..helm.storage import HelmReader
from ..helm.stored import CorruptRelease, Revision
from ..kafka.disk import seen
from ..kube.api import KubeApi
from ..kube.errors import Forbidden, KubeError
from ..kube.resources import WELL_KNOWN
from ..labels import ENVIRONMENT, MIGRATION
from ..locking.lease import holder_of
from ..locking.lock import lock_state
from ..logins.record import recorded, stamp
from ..planning.drift import drift_of
from ..planning.live import is_written
from ..planning.plan import origin_of
from ..planning.snapshot import WORKLOADS, Snapshot, image_digest, is_workload, take, targets_of
from ..readiness.daprd import CONTAINER, judge_app, living
from ..readiness.fields import is_true
from ..readiness.kinds import autoscaler_trouble, status_of
from ..readiness.sentences import sentence
from ..readiness.status import State
from ..readiness.symptoms import pod_symptoms
from ..records.events import read as read_events
from ..records.record import Header, Member, Record
from ..records.signing import RecordKeys
from ..records.store import RecordStore
from ..rollout.targets import Target
from ..rollout.verdict import WaitOptions

_AUTOSCALER = WELL_KNOWN["autoscaling/v2", "HorizontalPodAutoscaler"]
_VAGUE = frozenset({Code.NOT_READY, Code.SIDECAR_NOT_READY})
_WITHOUT_SECRETS = (
    "Secrets may not be read, so revisions, drift, cut connections and whether the newest verified set still runs are "
    "not known"
)
_WITHOUT_POLICIES = "network policies may not be read, so cut connections are not known"


def set_info(
    kube: KubeApi,
    namespace: str,
    environment: str,
    *,
    verified_only: bool = False,
    at: str = "",
    status: bool = False,
    events: int = 0,
    dapr_namespace: str = "",
    keys: RecordKeys | None = None,
    wait: WaitOptions | None = None,
) -> dict[str, Any]:
    """Result of release_set_info. ``at``: number or commit of the one set to show in full. ``events``: how many of the
    newest runs to show. ``wait``: what the status of custom resources means.
    """
    store = RecordStore(kube, namespace, environment, keys)
    kinds = WORKLOADS if status else ()
    snapshot = take(kube, store, namespace, environment, kinds, wait, remembered=status, secrets_optional=True)
    headers = [h for h in snapshot.headers if not (verified_only and h.withdrawn)]
    current = _current(snapshot)
    if at:
        found, record = _named(store, headers, at)
        sets = [{**_header(found, current), **_content(record)}]
    else:
        sets = [_header(h, current) for h in headers]
    info: dict[str, Any] = {"sets": sets, "current": current, "unread": [_WITHOUT_SECRETS] * snapshot.without_secrets}
    info |= {"status": {}, "lock": {}, "trust": {}, "certificates": [], "hosts": [], "quota": [], "autoscalers": []}
    info["notes"] = []
    info["events"] = [event.as_result() for event in read_events(kube, namespace, events)] if events > 0 else []
    if status:
        info["status"] = environment_status(kube, namespace, environment, snapshot)
        info["lock"] = lock_info(kube, namespace)
        info["certificates"] = certificates(kube, namespace)
        info["hosts"] = public_hosts(kube, namespace)
        info["quota"] = quota_use(kube, namespace)
        _autoscalers(kube, namespace, info)
        info["notes"] += seen(kube, namespace) + _logins(kube, namespace)
        if not snapshot.without_secrets:
            _cuts(kube, namespace, info)
        info["trust"] = read_trust(kube, dapr_namespace).as_result() if dapr_namespace else {}
    return info


def _named(store: RecordStore, headers: Sequence[Header], at: str) -> tuple[Header, Record]:
    """The set with that number, else the newest sound one of that commit."""
    by_number = {str(header.id): header for header in headers}
    if at in by_number:
        return by_number[at], store.read(by_number[at].id)
    if record := store.of_commit(headers, lambda commit: commit == at):
        return by_number[str(record.id)], record
    raise error(Code.SET_NOT_FOUND, f"There is no release set with number or commit {at!r}.", at=at)


def environment_status(kube: KubeApi, namespace: str, environment: str, snapshot: Snapshot) -> dict[str, Any]:
    """Every release of the environment: revision, images, replicas, restarts, sidecars, whether it is verified and
    Current.
    """
    members = snapshot.newest.members if snapshot.newest else {}
    if snapshot.without_secrets:
        return {name: _unknown(member, snapshot) for name, member in sorted(members.items())}
    names = {n for n, h in snapshot.histories.items() if n in members or h[-1].labels.get(ENVIRONMENT) == environment}
    return {
        name: release_status(
            snapshot.history(name)[-1] if snapshot.history(name) else None, members.get(name), snapshot, kube, namespace
        )
        for name in sorted(names | members.keys())
    }


def release_status(
    live: Revision | None, member: Member | None, snapshot: Snapshot, kube: KubeApi, namespace: str
) -> dict[str, Any]:
    """One release. A verified one costs no request of its own, unless somebody wrote its objects since."""
    if live is None:
        return _nothing("not installed")
    verified = bool(member and member.is_at(live))
    targets: tuple[Target, ...]
    manual = False
    if verified and member:
        chart, version, targets = member.chart, member.chart_version, member.targets
    else:
        try:
            storage = HelmReader(kube, namespace)
            stored = storage.read(live.name, live.revision)
            chart, version, targets = stored.chart_name, stored.chart_version, tuple(targets_of(stored))
            manual = origin_of(snapshot.history(live.name), member, storage.read).manual
        except CorruptRelease as exc:
            return {**_nothing(str(exc)), "revision": live.revision, "status": "corrupt"}
    found = {
        "revision": live.revision,
        "status": live.status.value,
        "chart": f"{chart} {version}".strip(),
        "verified": verified,
        "tag": member.tag if verified and member else "",
        "by_hand": manual,
        "drift": _drift(live, member, snapshot, kube, namespace)
        if verified and member and not member.migration
        else [],
        **_workloads(targets, snapshot),
    }
    return {**found, **_migration(live, kube, namespace)} if MIGRATION in live.labels else found


def _migration(live: Revision, kube: KubeApi, namespace: str) -> dict[str, Any]:
    """How the last Job of a migration ended; nothing where it may not be read, or is gone."""
    try:
        newest = next(reversed(jobs_of(kube, HelmReader(kube, namespace), live.name)), None)
    except TodoCloudError:
        return {}
    if newest is None or is_true(newest, "Complete"):
        return {}
    state = State.FAILED if is_true(newest, "Failed") else State.IN_PROGRESS
    what = "failed" if state is State.FAILED else "is at work"
    message = f"migration of {live.labels[MIGRATION]}: Job {newest['metadata']['name']} {what}"
    return {"state": state.value, "message": message}


def _drift(live: Revision, member: Member, snapshot: Snapshot, kube: KubeApi, namespace: str) -> list[str]:
    """What somebody changed in the cluster, as text. Compared only if somebody wrote since it was verified."""
    if member.migration or not is_written(member.live, snapshot.listed, member.name):
        return []
    try:
        stored = HelmReader(kube, namespace).read(live.name, live.revision)
    except CorruptRelease as exc:
        return [f"it could not be compared: {exc}"]
    return [each.message for each in drift_of(kube, namespace, [stored])]


def _unknown(member: Member, snapshot: Snapshot) -> dict[str, Any]:
    """A release of the newest set where its history may not be read: how its workloads are is known."""
    chart = f"{member.chart} {member.chart_version}".strip()
    return {
        **_nothing(""),
        "status": "unknown",
        "chart": chart,
        "tag": member.tag,
        **_workloads(member.targets, snapshot),
    }


def _nothing(why: str) -> dict[str, Any]:
    """A release with nothing to show; the same keys as any other."""
    return {
        "revision": 0,
        "status": "absent",
        "chart": "",
        "verified": False,
        "tag": "",
        "by_hand": False,
        "drift": [],
        **_workloads((), None),
        "state": State.NOT_FOUND.value,
        "message": why,
    }


def _autoscalers(kube: KubeApi, namespace: str, info: dict[str, Any]) -> None:
    """Notes how many pods each autoscaler has, and a sentence for each that cannot scale; no release waits for that."""
    try:
        found = kube.list_(_AUTOSCALER, namespace)[0]
    except KubeError:
        return
    kind = {"apiVersion": _AUTOSCALER.api_version, "kind": _AUTOSCALER.kind}
    for each in sorted(found, key=lambda item: str(item["metadata"]["name"])):
        name, trouble = str(each["metadata"]["name"]), autoscaler_trouble(status_of({**each, **kind}))
        now, counts = each.get("status") or {}, each.get("spec") or {}
        info["autoscalers"].append({
            "name": name, "now": int(now.get("currentReplicas") or 0),
            "min": int(counts.get("minReplicas") or 1), "max": int(counts.get("maxReplicas") or 0),
        })  # fmt: skip
        if trouble:
            info["notes"].append(f"{_AUTOSCALER.kind} {name}: {trouble}")


def _logins(kube: KubeApi, namespace: str) -> list[str]:
    """A sentence for each login that was tried with success; none where that may not be read."""
    try:
        found = recorded(kube, namespace)
    except KubeError:
        return []
    return [f"{name}: {entry['about']} (login tried {stamp(entry['at'])})" for name, entry in sorted(found.items())]


def _cuts(kube: KubeApi, namespace: str, info: dict[str, Any]) -> None:
    """Notes a sentence for each connection that network policies cut."""
    try:
        info["notes"] += sentences(read_cuts(kube, namespace))
    except Forbidden:
        info["unread"].append(_WITHOUT_POLICIES)


def lock_info(kube: KubeApi, namespace: str) -> dict[str, Any]:
    """Who holds the environment's lock; ``held`` is false when nobody does, or when its holder died on this machine."""
    state, lease = lock_state(kube, namespace)
    if lease is None or state is Lock.NONE:
        return {"held": False, "holder": "", "since": "", "renewed": ""}
    spec = lease["spec"]
    return {
        "held": state is not Lock.OTHER_DEAD,
        "holder": holder_of(lease).describe(),
        "since": spec.get("acquireTime") or "",
        "renewed": spec.get("renewTime") or "",
    }


def _workloads(targets: Iterable[Target], found: Snapshot | None) -> dict[str, Any]:
    snapshot = found or Snapshot({}, {}, [], None)
    wanted = [t for t in targets if is_workload(t) and t not in snapshot.custom]
    items = [snapshot.workloads[(t.kind, t.name)] for t in wanted if (t.kind, t.name) in snapshot.workloads]
    wanted += [t for t in targets if t in snapshot.custom]
    pods = [pod for item in items for pod in snapshot.pods_of(item)]
    bad = [t for t in wanted if not snapshot.status(t).done]
    sidecars = [app for item in items if (app := judge_app(item, snapshot.pods_of(item)))]
    asked = sum(_asked(item) for item in items)
    return {
        "state": snapshot.status(bad[0]).state.value if bad else State.CURRENT.value,
        "message": _why(bad[0], snapshot) if bad else "",
        "replicas": f"{sum(1 for pod in pods if _ready(pod))}/{asked}" if items else "-",
        "restarts": sum(s.get("restartCount", 0) for pod in pods for s in _statuses(pod)),
        "sidecars": f"{sum(a.ready for a in sidecars)}/{sum(a.expected for a in sidecars)}" if sidecars else "-",
        **_images([pod for pod in pods if living(pod)]),
    }


def _why(target: Target, snapshot: Snapshot) -> str:
    """Status of what is not well, with what is wrong with one of its pods; "runs but is not ready" says least."""
    text = snapshot.status(target).message
    item = None if target in snapshot.custom else snapshot.workloads.get((target.kind, target.name))
    pods = snapshot.pods_of(item) if item else []
    found = [(symptom, pod) for pod in pods for symptom in pod_symptoms(pod)]
    first = min(found, key=lambda each: each[0].code in _VAGUE, default=None)
    return sentence(first[0], text, first[1]) if first else text


def _images(pods: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """References as they are written, sidecars last, and the digests that run, by container."""
    images: dict[str, str] = {}
    digests: dict[str, str] = {}
    for pod in pods:
        ids = {s["name"]: s.get("imageID", "") for s in _statuses(pod)}
        for container in sorted(pod["spec"]["containers"], key=lambda c: c["name"] == CONTAINER):
            name = container["name"]
            images[name] = container.get("image", "")
            digests[name] = image_digest(ids.get(name, "")) or digests.get(name, "")
    return {"images": list(dict.fromkeys(images.values())), "digests": digests}


def _statuses(pod: dict[str, Any]) -> list[dict[str, Any]]:
    status = pod.get("status") or {}
    return [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]


def _asked(item: dict[str, Any]) -> int:
    if item["kind"] == "DaemonSet":
        return int((item.get("status") or {}).get("desiredNumberScheduled") or 0)
    replicas = item["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def _ready(pod: dict[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _current(snapshot: Snapshot) -> int:
    """The set the environment is at: the newest one, if every member's live revision is the recorded one; else 0."""
    if snapshot.newest is None:
        return 0
    for member in snapshot.newest.members.values():
        if member.migration:
            continue
        history = snapshot.history(member.name)
        if not history or not member.is_at(history[-1]):
            return 0
    return snapshot.newest.id


def _header(header: Header, current: int) -> dict[str, Any]:
    return {
        "id": header.id,
        "time": header.time,
        "commit": header.commit,
        "withdrawn": header.withdrawn,
        "failed": header.failed,
        "current": header.id == current,
    }


def _content(record: Record) -> dict[str, Any]:
    return {
        "who": record.who,
        "tools": dict(record.tools),
        "restored_from": record.restored_from,
        "emergency": record.emergency,
        "missing": dict(record.missing),
        "releases": {
            name: {
                "revision": m.revision,
                "chart": m.chart,
                "chart_version": m.chart_version,
                "inputs": m.inputs,
                "tag": m.tag,
                "images": {key: dict(image) for key, image in m.images.items()},
            }
            for name, m in sorted(record.members.items())
        },
    }
