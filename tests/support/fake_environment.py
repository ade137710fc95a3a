"""An environment in a FakeKube, with Dapr's injector: what the modules do to it, without any cluster or program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.report import Report
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import Run
from ansible_collections.todo.cloud.plugins.module_utils.environments.pod_security import ENFORCE
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import StoredRelease
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import always_allowed
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden, Refused
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    DEPLOYMENT,
    ENDPOINT_SLICE,
    NAMESPACE,
    POD,
    WELL_KNOWN,
    Resource,
)
from ansible_collections.todo.cloud.plugins.module_utils.labels import ENVIRONMENT
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import ReleaseSpec
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Record
from ansible_collections.todo.cloud.plugins.module_utils.releases.adopt import Adoption
from ansible_collections.todo.cloud.plugins.module_utils.releases.apply import apply_releases
from ansible_collections.todo.cloud.plugins.module_utils.releases.rollback import Rollback
from ansible_collections.todo.cloud.plugins.module_utils.rollout.verdict import WaitOptions
from ansible_collections.todo.cloud.plugins.module_utils.settings import Settings

from tests.schemas import check_result
from tests.support.fake_helm import FakeHelm, Object
from tests.support.fake_kube import FakeKube

CHART = str(Path(__file__).parents[1] / "fixtures" / "charts" / "sleeper")
SLICE = ENDPOINT_SLICE
WEBHOOK = WELL_KNOWN["admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"]
INJECTOR = "dapr-sidecar-injector"

C1, C2 = {"component": "pubsub"}, {"component": "pubsub", "maps": ["new"]}
A1, A2, BAD = ({"image": f"r/api:{tag}", "dapr": True} for tag in ("v1.0.0", "v2.0.0", "bad"))


class Cluster(FakeKube):
    """A pod that is deleted is made again, with what the injector gives it by then."""

    def __init__(self) -> None:
        super().__init__()
        self.helm = FakeHelm(self)
        self.recovers = True  # the injector works again when the first pod is deleted

    def delete(self, resource: Resource, namespace: str, name: str, **options: Any) -> bool:
        pod = self.objects.get((resource.kind, namespace, name))
        done = super().delete(resource, namespace, name, **options)
        if pod and resource is POD:
            owner = pod["metadata"]["ownerReferences"][0]["uid"]
            replica_set = next(o for o in self.objects.values() if o["metadata"].get("uid") == owner)
            self.helm.injecting = self.helm.injecting or self.recovers
            self.helm.start_pod(replica_set, f"{name}-again")
        return done


@dataclass
class World:
    """The environment staging in the namespace ns. Releases are given as name -> values, wave by wave."""

    kube: Cluster = field(default_factory=Cluster)
    settings: Settings = field(
        default_factory=lambda: Settings("staging", "ns", timeout=20, wait=WaitOptions(stability_seconds=0))
    )
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.helm = self.kube.helm
        self.kube.put(NAMESPACE, "", {"metadata": {"name": "kube-system", "uid": "cluster"}})
        self.kube.put(NAMESPACE, "", {"metadata": {"name": "ns", "labels": {ENVIRONMENT: "staging"}}})
        self.injector()

    def injector(self, ready: bool = True) -> None:
        """Dapr's injector, with or without a ready endpoint."""
        self.kube.put(DEPLOYMENT, "dapr-system", {
            "metadata": {"name": INJECTOR}, "status": {"readyReplicas": int(ready)},
            "spec": {"template": {"spec": {"containers": [{"image": "r/injector:1.14.0"}]}}},
        })  # fmt: skip
        labels = {"kubernetes.io/service-name": INJECTOR}
        endpoints = [{"conditions": {"ready": ready}}]
        self.kube.put(SLICE, "dapr-system", {"metadata": {"name": "s", "labels": labels}, "endpoints": endpoints})
        webhooks = [{"clientConfig": {"caBundle": "x"}}]
        self.kube.put(WEBHOOK, "", {"metadata": {"name": INJECTOR}, "webhooks": webhooks})

    def run(self, **settings: Any) -> Run:
        """Clients and settings of one run."""
        return Run(self.kube, self.helm, replace(self.settings, **settings), self.lines.append, "a test")

    def apply(self, *waves: Mapping[str, Object], **settings: Any) -> Report:
        """release_apply with these waves."""
        return fitting(
            "release_apply",
            apply_releases(self.run(**settings), [specs(wave, number) for number, wave in enumerate(waves)]),
        )

    def fails(self, *waves: Mapping[str, Object], **settings: Any) -> TodoCloudError:
        """The same, where it ends in a failure."""
        with pytest.raises(TodoCloudError) as caught:
            self.apply(*waves, **settings)
        failure = caught.value.failure.as_result()
        check_result("release_apply", {"failed": True, "failure": failure, **caught.value.results})
        return caught.value

    def rollback(self, to: str = "verified", names: Sequence[str] = (), **settings: Any) -> Report:
        """release_rollback."""
        return fitting("release_rollback", Rollback(self.run(**settings), to, names).run())

    def adopt(self, *waves: Mapping[str, Object], **settings: Any) -> Report:
        """release_adopt."""
        return fitting(
            "release_adopt",
            Adoption(self.run(**settings), [specs(wave, number) for number, wave in enumerate(waves)]).run(),
        )

    def manual(self, name: str, values: Object) -> None:
        """A Helm call that is not ours."""
        self.helm.check = always_allowed
        self.helm.apply(ApplyRequest(name, "ns", CHART, values))

    def live(self, name: str) -> StoredRelease:
        """The newest revision of a release."""
        return self.run().storage.read(name)

    def image(self) -> str:
        """That of the only container of api, as it is deployed."""
        deployment = self.kube.objects["Deployment", "ns", "api"]
        return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])

    def record(self, number: int) -> Record:
        """A release set."""
        return self.run().records.read(number)

    def damage(self, number: int) -> None:
        """A release set does not hold any more what was written."""
        self.kube.objects["ConfigMap", "ns", f"release-set-{number}"]["data"]["digest"] = "0"

    def writes(self) -> list[str]:
        """What was written so far and the calls of Helm; writes of lock, fingerprint and events aside."""
        ours = [f"{verb} {kind} {name}" for verb, kind, name in self.kube.writes
                if kind != "Lease" and name not in ("environment-fingerprint", "release-events")]  # fmt: skip
        return [*ours, *(f"helm {call}" for call in self.helm.commands)]

    def forget(self) -> World:
        """From here on writes are counted anew."""
        self.kube.writes.clear()
        self.helm.commands.clear()
        return self


def fitting(module: str, report: Report) -> Report:
    """The report, whose result has to fit the module's schema."""
    check_result(module, report.as_result())
    return report


def spec(name: str, values: Object) -> ReleaseSpec:
    """One release; ``floor`` among the values is its rollback_floor."""
    given = {key: value for key, value in values.items() if key != "floor"}
    raw = {"name": name, "namespace": "ns", "chart": CHART, "values": given}
    raw |= {"app_id": name if values.get("dapr") else "", "rollback_floor": values.get("floor", "")}
    return ReleaseSpec.parse(raw)


def specs(wave: Mapping[str, Object], number: int = 0) -> list[ReleaseSpec]:
    """One wave."""
    return [replace(spec(name, values), wave=number) for name, values in wave.items()]


def outcomes(results: Mapping[str, Any]) -> dict[str, str]:
    """Outcome by release, of a module's result."""
    return {row["name"]: row["outcome"] for row in results["releases"]}


def deployed(**settings: Any) -> World:
    """Component and service as of the first set."""
    world = World()
    world.apply({"components": C1}, {"api": A1}, **settings)
    return world.forget()


def two_sets() -> World:
    """Both were upgraded once more."""
    world = deployed(commit="1111111aaaa")
    world.apply({"components": C2}, {"api": A2}, commit="2222222bbbb")
    return world.forget()


class Strict(Cluster):
    """Pod Security refuses pods, unless the namespace has a lower level. ``refused``: a text of these pods' images."""

    may = True
    refused = ""

    def create(self, resource: Resource, namespace: str, body: Any, *, dry_run: bool = False, **more: Any) -> Any:
        labels = self.objects["Namespace", "", "ns"]["metadata"]["labels"]
        if dry_run and resource is POD and labels.get(ENFORCE) == "restricted" and self.refused in str(body):
            raise Refused(
                "No.", 403, api_message='pods "x" is forbidden: violates PodSecurity "restricted:latest": root'
            )
        return super().create(resource, namespace, body, dry_run=dry_run, **more)

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if verb in ("try", "patch") and resource is NAMESPACE and not self.may:
            raise Forbidden("The credentials may not patch namespaces.", 403)


def strict(may: bool) -> World:
    """Two sets, and a namespace that was tightened since; ``may``: its label may be changed."""
    world = World(kube=Strict())
    for component, api in ((C1, A1), (C2, A2)):
        world.apply({"components": component}, {"api": api})
    world.kube.objects["Namespace", "", "ns"]["metadata"]["labels"][ENFORCE] = "restricted"
    assert isinstance(world.kube, Strict)
    world.kube.may = may
    return world.forget()
