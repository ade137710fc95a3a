# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One environment that is deployed, killed and checked: nothing incomplete, no orphans, no secrets in output."""

from __future__ import annotations

import base64
import re
import secrets
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.todo.cloud.plugins.module_utils.environments.fingerprint import PUBLISHED
from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import objects_of
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import HelmReader
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import SELECTOR, histories_of
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    DEPLOYMENT,
    LEASE,
    NAMESPACE,
    SECRET,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.labels import RELEASE_EVENTS
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import LOCK_NAME
from ansible_collections.todo.cloud.plugins.module_utils.planning.snapshot import take
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Record
from ansible_collections.todo.cloud.plugins.module_utils.records.rollback_target import remembered
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore

from tests.chaos.processes import Run
from tests.cluster.paths import BIN
from tests.support.canaries import files_that_show, no_command_line_shows
from tests.support.environ import clean_environ

INVENTORY = Path(__file__).parent / "inventory"
FEW = ("alpha", "beta", "gamma")
SERVICES = (*FEW, "delta", "epsilon")
_RUN_SECONDS = 1200.0
_KINDS = (
    "v1 ConfigMap", "v1 Secret", "v1 Service", "v1 ServiceAccount", "v1 ResourceQuota", "v1 LimitRange",
    "apps/v1 Deployment", "networking.k8s.io/v1 NetworkPolicy", "policy/v1 PodDisruptionBudget",
    "autoscaling/v2 HorizontalPodAutoscaler", "networking.k8s.io/v1 Ingress", "batch/v1 Job",
    "rbac.authorization.k8s.io/v1 Role", "rbac.authorization.k8s.io/v1 RoleBinding", "coordination.k8s.io/v1 Lease",
)  # fmt: skip
# What belongs to no release: Kubernetes' own, the environment role's Secrets, the lock, the fingerprint, the events.
_KNOWN = {
    "ConfigMap kube-root-ca.crt", "ServiceAccount default", "Secret canary", "Secret registry", f"Lease {LOCK_NAME}",
    f"ConfigMap {PUBLISHED}", f"ConfigMap {RELEASE_EVENTS}",
}  # fmt: skip


class Environment:
    """Its own namespace, secrets and temporary folder.

    ``few``: three services, for less of the processor's time; else five.
    """

    def __init__(
        self, kube: KubeSession, kubeconfig: str, folder: Path, helm: str = str(BIN / "helm"), *, few: bool = False
    ) -> None:
        self.kube = kube
        self.folder = folder
        self.services = FEW if few else SERVICES
        self._inventory = INVENTORY / "few.yml" if few else INVENTORY
        self.secret = f"canary-{secrets.token_hex(12)}"
        self.namespace = ""
        self._kubeconfig = kubeconfig
        self._helm = helm
        self._runs = 0
        self._last: Run | None = None
        self._ended = False
        self._canaries = [self.secret, *_keys_of(Path(kubeconfig))]
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.renew()

    def renew(self) -> None:
        """A new namespace; the one before goes."""
        if self.namespace:
            self.kube.delete(NAMESPACE, "", self.namespace)
        self.namespace = f"chaos-{secrets.token_hex(4)}"

    def act_with(self, kubeconfig: str) -> None:
        """The credentials of the runs that follow."""
        self._kubeconfig = kubeconfig

    def end(self) -> None:
        """What runs is ended, and nothing begins any more: the whole program is interrupted."""
        self._ended = True
        if self._last:
            self._last.end()

    def close(self) -> None:
        """Removes the namespace."""
        self.kube.delete(NAMESPACE, "", self.namespace)

    # -- runs ---------------------------------------------------------------------------------------------------

    def start(self, playbook: str, version: str, *arguments: str) -> Run:
        """A playbook at work."""
        assert not self._ended, "interrupted"
        self._runs += 1
        environ = clean_environ() | {
            "CHAOS_KUBECONFIG": self._kubeconfig, "CHAOS_HELM": self._helm, "CHAOS_NAMESPACE": self.namespace,
            "CHAOS_SECRET": self.secret, "CHAOS_VERSION": version, "ANSIBLE_NOCOLOR": "1",
            "TMPDIR": str(self.temporary), "ANSIBLE_LOCAL_TEMP": str(self.temporary / "ansible"),
            "ANSIBLE_REMOTE_TEMP": str(self.temporary / "ansible"),
        }  # fmt: skip
        log = self.folder / f"{self._runs:03}-{Path(playbook).stem}.log"
        self._last = Run([playbook, "-i", str(self._inventory), *arguments], environ, log)
        return self._last

    def run(self, playbook: str, version: str, *arguments: str) -> Run:
        """Runs a playbook, which must succeed."""
        run = self.start(playbook, version, *arguments)
        try:
            run.wait(_RUN_SECONDS)
        finally:
            run.end()
        assert run.controller.returncode == 0, f"{run.log}: exit {run.controller.returncode}\n{run.output[-3000:]}"
        return run

    def watched(self) -> AbstractContextManager[None]:
        """Meanwhile no command line of this machine shows a secret."""
        return no_command_line_shows(self._canaries)

    # -- what is there ------------------------------------------------------------------------------------------

    def versions(self) -> set[str]:
        """The version every release runs, as a set: one when they belong together."""
        found = {d["metadata"]["name"]: d for d in self.kube.list_(DEPLOYMENT, self.namespace)[0]}
        assert sorted(found) == sorted(self.services), sorted(found)
        return {
            variable["value"]
            for each in found.values()
            for variable in each["spec"]["template"]["spec"]["containers"][0]["env"]
            if variable["name"] == "VERSION"
        }

    def records(self) -> list[Record]:
        """All release sets that are not withdrawn, oldest first."""
        store = RecordStore(self.kube, self.namespace, self.namespace)
        headers = take(self.kube, store, self.namespace, self.namespace).headers
        return [store.read(h.id) for h in reversed(headers) if not h.withdrawn]

    def version_of(self, record: Record) -> str:
        """The version a release set holds."""
        (version,) = {str(member.values["env"]["VERSION"]) for member in record.members.values()}
        return version

    def rollback_begun(self) -> int:
        """Number of the set that an unfinished rollback goes to, 0 when there is none."""
        begun = remembered(self.kube, self.namespace)
        return begun.set if begun else 0

    # -- what must hold -----------------------------------------------------------------------------------------

    def settled(self, version: str) -> None:
        """Checks that everything has converged: one version, verified, and no trace of a run."""
        assert self.versions() == {version}, (self.versions(), version)
        items = self.kube.list_(SECRET, self.namespace, label_selector=SELECTOR, metadata_only=True)[0]
        found = histories_of(item["metadata"] for item in items)
        for name in ("environment", *self.services):
            statuses = [revision.status.value for revision in found[name]]
            assert statuses[-1] == "deployed", (name, statuses)
            assert not [s for s in statuses if s.startswith("pending")], (name, statuses)
        lease = self.kube.find(LEASE, self.namespace, LOCK_NAME)
        assert lease is None or not lease["spec"].get("holderIdentity"), "the lock is held"
        assert remembered(self.kube, self.namespace) is None, "a rollback is unfinished"
        for record in self.records():
            assert sorted(record.members) == sorted(self.services), (record.id, sorted(record.members))
            assert not record.missing, (record.id, record.missing)
            self.version_of(record)
        newest = self.records()[-1]
        live = {name: found[name][-1].revision for name in self.services}
        assert {n: m.revision for n, m in newest.members.items()} == live, "what runs is what was verified"
        assert not (left := self.orphans()), f"belongs to no release: {left}"
        assert not (shown := self.traces()), f"a secret in {shown}"

    def orphans(self) -> list[str]:
        """Orphaned objects of the namespace: in no deployed manifest and without an owner."""
        wanted = set(_KNOWN)
        for name in ("environment", *self.services):
            for item in objects_of(HelmReader(self.kube, self.namespace).read(name).manifest):
                wanted.add(f"{item['kind']} {item['metadata']['name']}")
        found = []
        for kind in _KINDS:
            api_version, _, word = kind.partition(" ")
            for item in self.kube.list_(self.kube.resource(api_version, word), self.namespace)[0]:
                meta = item["metadata"]
                helms = (meta.get("labels") or {}).get("owner") == "helm"
                ours = re.fullmatch(r"release-set-\d+", meta["name"])
                if not (meta.get("ownerReferences") or helms or ours or f"{word} {meta['name']}" in wanted):
                    found.append(f"{word} {meta['name']}")
        return found

    def traces(self) -> list[str]:
        """Files that hold a secret: what a run printed, or left in temporary folders or in shared memory."""
        everywhere = [(self.folder, self._canaries)]
        everywhere += [(Path(each), self._canaries[:1]) for each in ("/dev/shm", "/tmp", Path.home() / ".ansible")]
        return [str(path) for base, canaries in everywhere for path in files_that_show(base, canaries)]


def _keys_of(kubeconfig: Path) -> list[str]:
    """What is secret of a kubeconfig: its tokens, and a line of each client key."""
    users: list[dict[str, Any]] = [each["user"] for each in yaml.safe_load(kubeconfig.read_text())["users"]]
    keys = [base64.b64decode(u["client-key-data"]).decode().splitlines()[2] for u in users if "client-key-data" in u]
    return [*keys, *(u["token"] for u in users if "token" in u)]
