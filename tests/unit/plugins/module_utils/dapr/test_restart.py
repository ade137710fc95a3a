"""Which pods the sidecar repair restarts, one after another, and which ones it never touches."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dapr.check import SidecarCheck
from ansible_collections.todo.cloud.plugins.module_utils.dapr.restart import BUDGET, Restart, Restarted
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError, error
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import Guarded
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import NAMESPACE, POD, REPLICA_SET, Resource

from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.dapr.test_check import WEBHOOK, api, owned, plane
from tests.unit.plugins.module_utils.readiness.test_daprd import pod

READY = [{"type": "Ready", "status": "True"}]


class Cluster(FakeKube):
    """What is evicted is made again; ``gives``: with or without its sidecar, and ready or not."""

    def __init__(self) -> None:
        super().__init__()
        plane(self)
        api(self)
        self.gives = "container"
        self.ready = True
        self.allowed = True

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if resource is POD and verb == "delete" and not self.allowed:
            raise Forbidden("The credentials may not create pods/eviction.", 403)

    def delete(self, resource: Resource, namespace: str, name: str, **options: Any) -> bool:
        done = super().delete(resource, namespace, name, **options)
        if done and resource is POD:
            self.pod(f"{name}-again", self.gives, ready=self.ready)
        return done

    def pod(self, name: str, form: str, *, ready: bool = True, **meta: Any) -> None:
        made = pod(name, form=form, **{**owned(), **meta})
        made["status"]["conditions"] = READY if ready else []
        self.put(POD, "ns", made)


def repair(kube: Cluster, lines: list[str] | None = None, seconds: float = 5.0) -> Restarted:
    check = SidecarCheck(kube, "ns", "dapr-system")
    noted = lines if lines is not None else []
    restart = Restart(kube, "ns", noted.append, Deadline.after(seconds), pause=lambda seconds: None)
    return restart.run(check, check.look())


def deleted(kube: Cluster) -> list[str]:
    return [name for verb, kind, name in kube.writes if (verb, kind) == ("delete", "Pod")]


def test_only_what_lacks_its_sidecar_is_restarted_and_each_is_announced_first() -> None:
    kube = Cluster()
    kube.pod("api-1", "container")
    kube.pod("api-2", "none")
    kube.pod("api-3", "none", ready=False)
    lines: list[str] = []
    assert repair(kube, lines).pods == ["api-3", "api-2"]  # the one that serves comes last
    assert deleted(kube) == ["api-3", "api-2"]
    assert lines == [
        "Deployment/api: the Dapr sidecars of api-3, api-2 are missing; restarted one after another",
        "Deployment/api: restarting pod api-3 (1 of 2)",
        "Deployment/api: restarting pod api-2 (2 of 2)",
    ]


def test_pods_that_it_does_not_own_are_never_touched() -> None:
    kube = Cluster()
    kube.pod("api-1", "none")
    kube.pod("job", "none", ownerReferences=owned("long", "Job")["ownerReferences"])
    kube.pod("debug", "none", ownerReferences=[])
    assert repair(kube).pods == ["api-1"]
    assert deleted(kube) == ["api-1"]


@pytest.mark.parametrize(("gives", "ready"), [("none", True), ("container", False)])
def test_the_next_one_stays_where_the_first_has_not_come_back(gives: str, ready: bool) -> None:
    kube = Cluster()
    kube.gives, kube.ready = gives, ready
    for name in ("api-1", "api-2", "api-3"):
        kube.pod(name, "none")
    done = repair(kube, seconds=0.05)
    assert done.pods == deleted(kube) == ["api-1"]
    assert set(done.kept) == {"api-2", "api-3"}


def test_a_disruption_budget_is_never_violated() -> None:
    kube = Cluster()
    selector = {"matchLabels": {"app": "api"}}
    kube.put(BUDGET, "ns", {
        "metadata": {"name": "two"}, "spec": {"selector": selector}, "status": {"disruptionsAllowed": 0},
    })  # fmt: skip
    kube.pod("api-1", "none")
    assert repair(kube).kept == {"api-1": "disruption budget two allows no disruption now"}
    assert deleted(kube) == []


def test_one_that_may_not_be_evicted_is_named() -> None:
    kube = Cluster()
    kube.pod("api-1", "none")
    check = SidecarCheck(kube, "ns", "dapr-system")
    looked = check.look()
    kube.allowed = False
    done = Restart(kube, "ns", lambda line: None, Deadline.after(5)).run(check, looked)
    assert done.kept == {"api-1": "The credentials may not create pods/eviction"}


def test_what_was_repaired_meanwhile_stays() -> None:
    """Dapr's own watchdog, or a new rollout, may have been quicker."""
    kube = Cluster()
    kube.pod("api-1", "none")
    kube.pod("api-2", "none")
    check = SidecarCheck(kube, "ns", "dapr-system")
    looked = check.look()
    kube.pod("api-1", "container")
    del kube.objects["Pod", "ns", "api-2"]
    kube.pod("api-2", "none", uid="another")
    assert Restart(kube, "ns", lambda line: None, Deadline.after(5)).run(check, looked).pods == []
    assert deleted(kube) == []


def test_pods_of_a_kind_that_may_not_make_them_again_stay() -> None:
    kube = Cluster()
    kube.put(REPLICA_SET, "ns", {
        "metadata": {"name": "c", "uid": "c", **owned("canary", "Rollout")}, "spec": {"template": {}},
    })  # fmt: skip
    kube.pod("canary-1", "none", ownerReferences=owned("c")["ownerReferences"])
    assert "canary-1" in repair(kube).kept
    assert deleted(kube) == []


def test_nothing_is_restarted_where_the_webhook_does_not_look() -> None:
    kube = Cluster()
    kube.put(NAMESPACE, "", {"metadata": {"name": "ns"}})
    hook = {"clientConfig": {"caBundle": "x"}, "namespaceSelector": {"matchLabels": {"dapr": "on"}}}
    kube.put(WEBHOOK, "", {"metadata": {"name": "dapr-sidecar-injector"}, "webhooks": [hook]})
    kube.pod("api-1", "none")
    assert "does not select namespace ns" in repair(kube).kept["api-1"]
    assert deleted(kube) == []


@pytest.mark.parametrize(
    ("broken", "words"), [({"endpoints": False}, "no ready endpoint"), ({"bundle": ""}, "no CA bundle")]
)
def test_nothing_is_restarted_before_the_injector_is_verified(broken: dict[str, Any], words: str) -> None:
    kube = Cluster()
    plane(kube, **broken)
    kube.pod("api-2", "none")
    with pytest.raises(TodoCloudError, match=words) as caught:
        repair(kube)
    assert caught.value.failure.code is Code.INJECTOR_DOWN
    assert kube.writes == []


def test_it_asks_the_lock() -> None:
    kube = Cluster()
    kube.pod("api-1", "none")

    def lost(sure: bool = True) -> None:
        raise error(Code.LOCK_LOST, "The lock is lost.")

    check = SidecarCheck(kube, "ns", "dapr-system")
    restart = Restart(Guarded(kube, lost), "ns", lambda line: None, Deadline.after(5))
    with pytest.raises(TodoCloudError, match="lock is lost"):
        restart.run(check, check.look())
    assert deleted(kube) == []
