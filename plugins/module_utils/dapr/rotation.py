# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A new root and issuer for Dapr's mutual TLS, with no request that fails.

A sidecar gets its roots when its pod is made, and its certificate when it starts. So the new root comes beside the old
one, and every pod is made again before sentry signs by the new issuer; then once more, before the old root goes. How
far this is stands in the bundle and the pods alone: a run that was killed is continued by the next one.

Sentry makes a whole new authority when its Secret and its ConfigMap differ while it starts, and it starts again when
its Secret changes. So the ConfigMap is always written first, the Secret right after it, and a difference is mended.
Source: get() and New() in dapr/dapr, pkg/sentry/server/ca (1.18).
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from ..failure import Code, error
from ..known_secrets import KNOWN
from ..kube.api import MERGE, KubeClient
from ..kube.resources import CONFIG_MAP, DEPLOYMENT, POD, SECRET, STATEFUL_SET
from ..kube.secret_data import texts_of
from ..readiness.daprd import CONTAINER, living
from ..readiness.fields import labels, name
from ..readiness.selectors import matches
from ..rollout.targets import Target
from .authority import new_authority, signed_by, split
from .owners import owners_of
from .trust import ISSUER, ISSUER_KEY, ROOT, TRUST_BUNDLE, days_left

NEXT_ISSUER, NEXT_KEY = "next-issuer.crt", "next-issuer.key"  # in the Secret, until sentry signs by them
CHANGED_AT = "todo.cloud/rotation-changed-at"  # on the Secret: control plane pods from before do not know its content
ISSUER_SINCE = "todo.cloud/issuer-since"  # on the ConfigMap: sidecars from before have certificates of the old issuer
INJECTED = "dapr.io/sidecar-injected=true"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
_ANCHORS = "DAPR_TRUST_ANCHORS"
_PART_OF = "app.kubernetes.io/part-of=dapr"
_SENTRY = "dapr-sentry"
_RELEASE = "meta.helm.sh/release-name"


class State(StrEnum):
    """How far a rotation is."""

    SETTLED = "settled"
    INTRODUCED = "introduced"  # both roots are trusted, the old issuer signs
    SWITCHED = "switched"  # both roots are trusted, the new issuer signs


@dataclass(frozen=True)
class Bundle:
    """Dapr's trust bundle, as it is stored."""

    data: Mapping[str, str] = field(repr=False)
    published: str  # roots in the ConfigMap
    changed_at: str
    issuer_since: str

    @property
    def roots(self) -> list[str]:
        """Each as PEM."""
        return split(self.data[ROOT])

    @property
    def state(self) -> State:
        """As it is in the cluster; what is left of a rotation that something else overtook does not count."""
        if self.data.get(NEXT_KEY) and signed_by(self.data.get(NEXT_ISSUER, ""), self.roots):
            return State.INTRODUCED
        return State.SWITCHED if self.changed_at and len(self.roots) > 1 else State.SETTLED


@dataclass
class Rotated:
    """What a step did, and what has to be restarted before the next one."""

    state: State
    lines: list[str] = field(default_factory=list)
    restart: list[str] = field(default_factory=list)  # releases of this environment
    others: list[str] = field(default_factory=list)  # workloads that somebody else has to restart
    changed: bool = False
    warnings: list[str] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "changed": self.changed,
            "state": self.state.value,
            "lines": self.lines,
            "restart": self.restart,
            "others": self.others,
        }


class Rotation:
    """One step. ``namespace``: whose releases are this environment's; ``releases``: their names, in their order.
    ``manage``: whether the bundle may be written; else only what has to be restarted is said. ``wait``: until these
    parts of the control plane are ready.
    """

    def __init__(
        self,
        kube: KubeClient,
        namespace: str,
        dapr_namespace: str,
        releases: Sequence[str],
        *,
        manage: bool,
        check: bool,
        wait: Callable[[Sequence[Target]], None],
        progress: Callable[[str], None],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._dapr = dapr_namespace
        self._releases = list(releases)
        self._manage = manage
        self._check = check
        self._wait = wait
        self._progress = progress
        self._pause = pause
        self._done = Rotated(State.SETTLED)

    def step(self, below_days: int) -> Rotated:
        """As far as it goes without restarting a service. ``below_days``: a rotation begins when what ends first has
        fewer days left; 0: none begins. Raises dapr_trust, a verdict's.
        """
        if not self._manage:
            text, since = self._public()
            roots = split(text)
            if len(roots) > 1:
                self._done.state = State.SWITCHED if since else State.INTRODUCED
            self._stale(roots, since)
            return self._done
        bundle = self._mended()
        self._done.state = bundle.state
        if bundle.state is State.SETTLED:
            bundle = self._begin(bundle, below_days)
        if bundle.state is State.INTRODUCED and self._everywhere(bundle):
            bundle = self._switch(bundle)
        if bundle.state is State.SWITCHED and self._everywhere(bundle):
            self._finish(bundle)
        return self._done

    def _begin(self, bundle: Bundle, below_days: int) -> Bundle:
        now = self._kube.server_now()
        known = [
            days for text in (bundle.data[ROOT], bundle.data[ISSUER]) if (days := days_left(text, now)) is not None
        ]
        days = min(known, default=-1)
        if days >= below_days:
            self._say(f"Dapr's certificates: {days} days; they are renewed when fewer than {below_days} are left")
            return bundle
        if len(bundle.roots) != 1:
            raise error(
                Code.DAPR_TRUST,
                f"{ROOT} of Secret {TRUST_BUNDLE} in namespace {self._dapr} holds {len(bundle.roots)} roots, and no "
                "rotation put them there: leave only the one of the present issuer, then try again.",
            )
        self._change(f"Dapr's certificates: {days} days; a new root comes beside the old one, and a new issuer is made")
        if self._check:
            self._stale(None, "")
            return bundle
        made = new_authority(bundle.data[ISSUER], bundle.data[ISSUER_KEY], bundle.data[ROOT], now)
        KNOWN.add({made.key})
        return self._write([*bundle.roots, made.root], {NEXT_ISSUER: made.issuer, NEXT_KEY: made.key})

    def _switch(self, bundle: Bundle) -> Bundle:
        self._change("Every sidecar trusts both roots: sentry signs by the new issuer")
        if self._check:
            return bundle
        new = {ISSUER: bundle.data[NEXT_ISSUER], ISSUER_KEY: bundle.data[NEXT_KEY], NEXT_ISSUER: None, NEXT_KEY: None}
        return self._write(bundle.roots, new)

    def _finish(self, bundle: Bundle) -> None:
        self._change("Every sidecar has a certificate of the new issuer: the old root goes")
        if not self._check:
            self._write(signed_by(bundle.data[ISSUER], bundle.roots), {}, last=True)

    def _everywhere(self, bundle: Bundle) -> bool:
        """Whether what the bundle says has arrived at each sidecar; it is brought to the control plane."""
        self._control_plane(bundle.changed_at)
        if bundle.state is State.INTRODUCED:
            self._stale(bundle.roots, "")
        else:
            since = bundle.issuer_since
            if not since:
                since = self._soon()
                if not self._check:
                    note = {"metadata": {"annotations": {ISSUER_SINCE: since}}}
                    self._kube.patch(CONFIG_MAP, self._dapr, TRUST_BUNDLE, note, content_type=MERGE)
                    self._until(since)
            self._stale(None, since)
        return not (self._done.restart or self._done.others)

    def _mended(self) -> Bundle:
        """The bundle; its ConfigMap is what the Secret says, else the next start of sentry would replace both."""
        bundle = self._read()
        if bundle.published != bundle.data[ROOT]:
            self._change(f"ConfigMap {TRUST_BUNDLE} has other roots than the Secret has, which are written to it again")
            if not self._check:
                body = {"data": {ROOT: bundle.data[ROOT]}}
                self._kube.patch(CONFIG_MAP, self._dapr, TRUST_BUNDLE, body, content_type=MERGE)
        return bundle

    def _read(self) -> Bundle:
        secret = self._kube.find(SECRET, self._dapr, TRUST_BUNDLE) or {}
        data = texts_of(secret)
        KNOWN.add({data[key] for key in (ISSUER_KEY, NEXT_KEY) if key in data})
        if missing := [key for key in (ROOT, ISSUER, ISSUER_KEY) if not data.get(key)]:
            raise error(
                Code.DAPR_TRUST,
                f"Secret {TRUST_BUNDLE} in namespace {self._dapr} has no {' and no '.join(missing)}: sentry makes them "
                "when it starts, so deploy Dapr first.",
            )
        annotations = (secret.get("metadata") or {}).get("annotations") or {}
        roots, since = self._public()
        return Bundle(data, roots, str(annotations.get(CHANGED_AT) or ""), since)

    def _public(self) -> tuple[str, str]:
        config = self._kube.find(CONFIG_MAP, self._dapr, TRUST_BUNDLE) or {}
        annotations = (config.get("metadata") or {}).get("annotations") or {}
        return str((config.get("data") or {}).get(ROOT, "")), str(annotations.get(ISSUER_SINCE) or "")

    def _write(self, roots: Sequence[str], secret: Mapping[str, str | None], *, last: bool = False) -> Bundle:
        """ConfigMap, then Secret."""
        text, at = "".join(roots), self._soon()
        public = {"metadata": {"annotations": {} if last else {ISSUER_SINCE: None}}, "data": {ROOT: text}}
        data = {**secret, ROOT: text}
        coded = {key: value and base64.b64encode(value.encode()).decode() for key, value in data.items()}
        private = {"metadata": {"annotations": {CHANGED_AT: None if last else at}}, "data": coded}
        self._kube.patch(CONFIG_MAP, self._dapr, TRUST_BUNDLE, public, content_type=MERGE)
        self._kube.patch(SECRET, self._dapr, TRUST_BUNDLE, private, content_type=MERGE)
        self._until(at)
        bundle = self._read()
        self._done.state = bundle.state
        return bundle

    def _control_plane(self, since: str) -> None:
        """Its pods that were made before are replaced, sentry's first."""
        pods = [pod for pod in self._kube.list_(POD, self._dapr)[0] if living(pod)]
        stale = []
        for kind in (DEPLOYMENT, STATEFUL_SET):
            for item in self._kube.list_(kind, self._dapr, label_selector=_PART_OF)[0]:
                selector = item["spec"].get("selector")
                own = [pod for pod in pods if matches(selector, labels(pod))]
                if any(_made(pod) < since for pod in own):
                    stale.append(Target("apps/v1", kind.kind, self._dapr, name(item)))
        if not stale:
            return
        self._change(f"Restart of {', '.join(sorted(target.name for target in stale))}")
        for group in ([t for t in stale if t.name == _SENTRY], [t for t in stale if t.name != _SENTRY]):
            if not group or self._check:
                continue
            body = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: self._soon()}}}}}
            for target in group:
                resource = DEPLOYMENT if target.kind == DEPLOYMENT.kind else STATEFUL_SET
                self._kube.patch(resource, self._dapr, target.name, body, content_type=MERGE)
            self._wait(group)

    def _stale(self, roots: Sequence[str] | None, since: str) -> None:
        """Notes what has to be restarted: pods that lack one of ``roots`` (None: none is asked for), or that were made
        before ``since``. Without both: all that have a sidecar.
        """

        def is_stale(pod: Mapping[str, Any]) -> bool:
            if not living(pod) or not (daprd := _daprd(pod)):
                return False
            if roots is None and not since:
                return True
            known = {_body(each) for each in split(_anchors(daprd))}
            return any(_body(each) not in known for each in roots or ()) or _made(pod) < since

        pods = self._kube.list_(POD, self._namespace if not self._manage else "", label_selector=INJECTED)[0]
        names = {(str(pod["metadata"].get("namespace")), name(pod)) for pod in pods if is_stale(pod)}
        own: list[str] = []
        for owner in owners_of(self._kube, self._namespace):
            mine = {(self._namespace, name(pod)) for pod in owner.pods} & names
            release = str((owner.workload["metadata"].get("annotations") or {}).get(_RELEASE, ""))
            if mine and release in self._releases:
                own.append(release)
                names -= mine
        # Pods that end are replaced already; they do not count for their release's restart.
        self._done.restart = [release for release in self._releases if release in own]
        self._done.others = [f"{pod} in namespace {namespace}" for namespace, pod in sorted(names)]

    def _soon(self) -> str:
        """The next whole second: what is made later has a later time."""
        return _stamp(int(self._kube.server_now()) + 1)

    def _until(self, stamp: str) -> None:
        while _stamp(self._kube.server_now()) < stamp:
            self._pause(0.2)

    def _say(self, line: str) -> None:
        self._progress(line)
        self._done.lines.append(line)

    def _change(self, line: str) -> None:
        self._say(line)
        self._done.changed = True


def _stamp(seconds: float) -> str:
    """As the API server writes times, which sort as they are."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _made(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"].get("creationTimestamp") or "")


def _containers(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key in ("containers", "initContainers"):
        yield from (pod.get("spec") or {}).get(key) or ()


def _daprd(pod: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((each for each in _containers(pod) if each.get("name") == CONTAINER), None)


def _anchors(daprd: Mapping[str, Any]) -> str:
    variables: Iterable[Mapping[str, Any]] = daprd.get("env") or ()
    return next((str(each.get("value") or "") for each in variables if each.get("name") == _ANCHORS), "")


def _body(pem: str) -> str:
    """However it is broken into lines."""
    return "".join(pem.split())
