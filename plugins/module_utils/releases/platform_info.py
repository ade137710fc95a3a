# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What roles would have to do about the cluster, the environment's namespace and the platform; nothing is written.

Roles describe their parts, all of them are looked at side by side, and each part gets the list of what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..dapr.check import SidecarCheck
from ..deploy.run import Run
from ..environments.applied import is_applied
from ..environments.credentials import CREDENTIALS, covers
from ..environments.info import claims_info
from ..environments.private_certificate import outdated
from ..environments.secrets import secret_contents
from ..failure import Code, TodoCloudError, error
from ..helm.manifest import objects_of
from ..helm.program import Helm
from ..helm.storage import HelmReader
from ..kafka.access import connection_of
from ..kafka.client import BrokerClient
from ..kafka.disk import on_disk
from ..kafka.job import Broker
from ..kafka.topics import parsed
from ..kube.api import KubeClient
from ..kube.errors import Forbidden
from ..kube.resources import CRD, NAMESPACE, POD, SECRET
from ..kube.secret_data import texts_of
from ..logins.login import Login
from ..logins.record import is_tried
from ..planning.spec import ReleaseSpec
from ..readiness.kinds import status_of
from ..readiness.status import State
from ..settings import Settings
from .helm_release import HelmReleaseRun

_KEYS = frozenset({
    "name", "cluster", "namespaces", "secrets", "kinds", "releases", "objects", "workloads", "sidecars", "topics",
    "logins",
})  # fmt: skip
_RELEASE_KEYS = ("name", "namespace", "chart", "chart_version", "values", "watches")
_PARALLEL = 12
_BROKER_SECONDS = 5
_SIDECAR = "daprd"
CONTROLLER = "system:serviceaccount:kube-system:replicaset-controller"
_VERSION = "app.kubernetes.io/version"

Raw = Mapping[str, Any]
Look = Callable[[], Iterator[str]]  # yields what is missing
AsController = Callable[[], AbstractContextManager[KubeClient]]


@dataclass(frozen=True)
class Part:
    """What a host's role takes care of, and what of it is not as described. Empty: the role has nothing to do."""

    name: str
    missing: tuple[str, ...]
    notes: tuple[str, ...] = ()  # what could not be looked at, and counts as there

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"name": self.name, "missing": list(self.missing), "notes": list(self.notes)}


class PlatformInfo:
    """One look at everything."""

    def __init__(self, kube: KubeClient, helm: Helm, version: str, as_controller: AsController | None = None) -> None:
        self._kube = kube
        self._as_controller = as_controller
        self._helm = helm
        self._version = version
        self.warnings: list[str] = []
        self._notes: dict[str, list[str]] = {}
        self.empty: list[str] = []  # keys of Secrets without a value, a sentence for each Secret
        self._wanted: dict[tuple[str, str], set[str]] = {}  # keys of a Secret, whatever part describes them
        self._exclusive: dict[str, dict[str, set[str]]] = {}  # Secrets whose credentials are compared, by namespace

    def look(self, parts: Sequence[Raw]) -> list[Part]:
        """Each part in its order. Raises TodoCloudError when one is malformed."""
        for raw in parts:
            if not isinstance(raw, Mapping) or "name" not in raw or set(raw) - _KEYS:
                has = ", ".join(sorted(map(str, raw))) if isinstance(raw, Mapping) else type(raw).__name__
                wanted = ", ".join(sorted(_KEYS - {"name"}))
                # Values are not shown: a part holds the content of Secrets.
                raise error(Code.INVALID_INPUT, f"A part has a name and {wanted}; this one has {has}.")
        for each in (secret for raw in parts for secret in raw.get("secrets") or ()):
            keys = self._wanted.setdefault((each["namespace"], each["name"]), set())
            keys |= {*each.get("values", {}), *(each.get("copies") or {}), *(each.get("generated") or ())}
            if each.get("exclusive"):
                self._exclusive.setdefault(each["namespace"], {})[each["name"]] = keys
        with ThreadPoolExecutor(_PARALLEL) as pool:
            running = [(str(raw["name"]), [pool.submit(_run, look) for look in self._looks(raw)]) for raw in parts]
            found = [(name, tuple(text for one in looks for text in one.result())) for name, looks in running]
            return [Part(name, missing, tuple(self._notes.get(name, ()))) for name, missing in found]

    def _looks(self, raw: Raw) -> Iterator[Look]:
        if raw.get("cluster"):
            yield partial(self._cluster, raw["cluster"])
        for key, look in (
            ("namespaces", self._namespace),
            ("secrets", self._secret),
            ("kinds", self._kind),
            ("releases", self._release),
            ("objects", self._object),
            ("workloads", self._workloads),
            ("logins", self._login),
        ):
            for each in raw.get(key) or ():
                yield partial(look, each)
        for each in raw.get("releases") or ():
            if each.get("crds") is not None:
                yield partial(self._crds, each)
        for each in raw.get("topics") or ():
            yield partial(self._topics, str(raw["name"]), each)
        if raw.get("sidecars"):
            yield partial(self._injector, raw["sidecars"])
            yield partial(self._trial_pod, raw["sidecars"])

    def _cluster(self, raw: Raw) -> Iterator[str]:
        if _numbers(self._version) < _numbers(str(raw["minimum_version"])):
            yield f"Kubernetes {raw['minimum_version']} or newer (it is {self._version})"
        if raw.get("cluster_id"):
            system = self._kube.find(NAMESPACE, "", "kube-system", metadata_only=True)
            if not system or system["metadata"]["uid"] != raw["cluster_id"]:
                yield "the cluster that cluster_id names"

    def _namespace(self, raw: Raw) -> Iterator[str]:
        annotations = dict(raw.get("annotations") or {})
        if claims := raw.get("claims"):
            params = {"claims": claims, "namespace": raw["name"], "cluster_id": claims.get("cluster_id")}
            found = claims_info(self._kube, params)
            annotations |= found["annotations"]
            self.warnings += found["warnings"]
        there = self._kube.find(NAMESPACE, "", raw["name"], metadata_only=True)
        metadata = there["metadata"] if there else {}
        for what, wanted in (("label", raw.get("labels") or {}), ("annotation", annotations)):
            has = metadata.get(f"{what}s") or {}
            yield from (f"{what} {key} of namespace {raw['name']}" for key in wanted if has.get(key) != wanted[key])
        if claims and not covers(metadata, self._exclusive.get(raw["name"], {})):
            yield f"annotation {CREDENTIALS} of namespace {raw['name']}"

    def _secret(self, raw: Raw) -> Iterator[str]:
        name, namespace = raw["name"], raw["namespace"]
        live = self._kube.find(SECRET, namespace, name)
        data = (live or {}).get("data") or {}
        if "certificate_of" in raw:
            if why := outdated(data, raw["certificate_of"]):
                yield f"Secret {name} in namespace {namespace}: {why}"
            return
        if "has" in raw:
            yield from (
                f"key {key} of Secret {name} in namespace {namespace}" for key in raw["has"] if not data.get(key)
            )
            return
        values = {**raw.get("values", {}), **dict(self._copies(raw.get("copies") or {}))}
        contents = secret_contents({name: values}, {name: raw.get("generated") or ()}, [live] if live else [])[name]
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": raw.get("type") or "Opaque",
            "metadata": {"name": name, "namespace": namespace, "labels": raw.get("labels") or {}},
            "data": contents["data"],
        }
        if empty := [key for key in contents["missing"] if key not in (raw.get("copies") or {})]:
            self.empty.append(
                f"The Secret {name} of namespace {namespace} has no value for {', '.join(empty)}: neither "
                f"the inventory nor the cluster has one. {raw.get('hint') or ''}".strip()
            )
        leftover = set(data) - self._wanted[namespace, name]
        if contents["missing"] or contents["unfit"] or leftover or not is_applied(self._kube, SECRET, body, live):
            yield f"content of Secret {name} in namespace {namespace}"

    def _copies(self, copies: Mapping[str, Raw]) -> Iterator[tuple[str, str]]:
        """Values that stand in other Secrets."""
        read: dict[tuple[str, str], Mapping[str, str]] = {}
        for key, source in copies.items():
            place = source["namespace"], source["name"]
            if place not in read:
                read[place] = texts_of(self._kube.get(SECRET, *place))
            yield key, read[place].get(source["key"], "")

    def _release(self, raw: Raw) -> Iterator[str]:
        if not self._kube.find(NAMESPACE, "", raw["namespace"], metadata_only=True):
            yield f"release {raw['name']}"
            return
        spec = ReleaseSpec.parse({key: raw.get(key) for key in _RELEASE_KEYS})
        settings = Settings("", spec.namespace, platform=bool(raw.get("platform")))
        run = Run(self._kube, self._helm, settings, lambda line: None, "platform_info")
        if pending := HelmReleaseRun(run).pending(spec):
            yield pending

    def _crds(self, raw: Raw) -> Iterator[str]:
        """CRDs as the chart of the newest revision has them; that it is the wanted chart is ``_release``'s part."""
        storage = HelmReader(self._kube, raw["namespace"])
        revisions = storage.history(raw["name"])
        if not revisions:
            return
        for path, text in sorted(storage.chart_files(raw["name"], revisions[-1].revision).items()):
            if not path.startswith("crds/"):
                continue
            for old, new in raw["crds"].items():
                text = text.replace(old, new)
            for body in objects_of(text):
                name = str(body["metadata"]["name"])
                if not is_applied(self._kube, CRD, body, self._kube.find(CRD, "", name)):
                    yield f"CRD {name}"

    def _kind(self, name: str) -> Iterator[str]:
        if not self._kube.find(CRD, "", name, metadata_only=True):
            yield f"CRD {name}"

    def _object(self, body: Raw) -> Iterator[str]:
        metadata, label = body["metadata"], f"{body['kind']} {body['metadata']['name']}"
        kind = self._kube.resource(body["apiVersion"], body["kind"])
        live = self._kube.find(kind, metadata.get("namespace", ""), metadata["name"])
        only_named = not set(body) - {"apiVersion", "kind", "metadata"} and not set(metadata) - {"name", "namespace"}
        if live is None or not (only_named or is_applied(self._kube, kind, dict(body), live)):
            yield label
        elif (found := status_of(live)).state is not State.CURRENT:
            yield f"{label}: {found.message}"

    def _workloads(self, raw: Raw) -> Iterator[str]:
        kind = self._kube.resource(raw["api_version"], raw["kind"])
        selector, wanted = raw["label_selector"], str(raw.get("minimum_version") or "0")
        found = self._kube.list_(kind, raw["namespace"], label_selector=selector)[0]
        if not found:
            yield f"{raw['kind']} {selector} in namespace {raw['namespace']}"
        for item in found:
            name, status = item["metadata"]["name"], item.get("status") or {}
            version = str((item["metadata"].get("labels") or {}).get(_VERSION, "0"))
            if not (status.get("availableReplicas") or status.get("readyReplicas")):
                yield f"a ready pod of {name}"
            if _numbers(version) < _numbers(wanted):
                yield f"version {wanted} of {name} (it is {version})"

    def _login(self, raw: Raw) -> Iterator[str]:
        if not is_tried(self._kube, Login.parse(raw)):
            yield f"login of Secret {raw['secret']} in namespace {raw['namespace']}, not tried yet"

    def _injector(self, raw: Raw) -> Iterator[str]:
        SidecarCheck(self._kube, "", raw["dapr_namespace"]).verify_injector()
        yield from ()

    def _topics(self, part: str, raw: Raw) -> Iterator[str]:
        """That they are there, with their partitions: cheap to see. Nobody has to be able to see it."""
        wanted = parsed(raw["wanted"])
        names = [topic.name for topic in wanted]
        try:
            if raw.get("broker_namespace"):
                found = on_disk(self._kube, Broker(raw["broker_namespace"]), names)
            else:
                kept = dict(self._copies({"broker_password": raw["secret"]}) if not raw["broker_password"] else ())
                found = BrokerClient(connection_of({**raw, **kept}), _BROKER_SECONDS).found(names, config=False)
        except TodoCloudError as exc:
            if exc.failure.code is Code.NOT_READY:
                raise
            self._notes.setdefault(part, []).append(f"topics are not looked at: {exc.failure.message}")
            return
        for topic in wanted:
            if topic.name not in found:
                yield f"topic {topic.name}"
            elif found[topic.name].partitions < topic.partitions:
                yield f"{topic.partitions} partitions of topic {topic.name} (it has {found[topic.name].partitions})"

    def _trial_pod(self, raw: Raw) -> Iterator[str]:
        if _gets_sidecar(self._kube, raw["pod"]):
            return
        if self._as_controller:
            try:
                with self._as_controller() as kube:
                    if _gets_sidecar(kube, raw["pod"]):
                        return
            except Forbidden:  # to act as somebody else; as for the role, the services' own sidecars will tell
                return
        yield "the sidecar of a trial pod"


def platform_info(
    kube: KubeClient, helm: Helm, version: str, parts: Sequence[Raw], as_controller: AsController | None = None
) -> tuple[dict[str, Any], list[str]]:
    """The module's result, and warnings. ``version``: of the cluster, as its ``/version`` says.

    ``as_controller``: the same cluster, asked as ``CONTROLLER``: Dapr's injector serves it, and not the administrators
    of kubeadm and kind. None: the credentials act as somebody else already.

    What comes after a part that lacks something is not ``current`` either: mending the one may change the others.
    """
    info = PlatformInfo(kube, helm, version, as_controller)
    found = info.look(parts)
    first = next((number for number, part in enumerate(found) if part.missing), len(found))
    current = [part.name for part in found[:first]]
    parts = [part.as_result() for part in found]
    return {"parts": parts, "current": current, "empty_secrets": sorted(info.empty)}, info.warnings


def _gets_sidecar(kube: KubeClient, pod: Raw) -> bool:
    spec = kube.create(POD, pod["metadata"]["namespace"], dict(pod), dry_run=True)["spec"]
    containers = [*spec.get("containers", ()), *spec.get("initContainers", ())]
    return _SIDECAR in [container["name"] for container in containers]


def _run(look: Look) -> list[str]:
    try:
        return list(look())
    except TodoCloudError as exc:
        return [exc.failure.message]


def _numbers(version: str) -> tuple[int, ...]:
    """``v1.36.3+x`` as (1, 36, 3)."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("-")[0].partition("+")[0]))
