# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One rollout of good and failing workloads, waited for at the same time through proxies that each go wrong in another
way: all of them come to the same verdicts.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, POD
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import RolloutWaiter, Target, WaitOptions

from tests.cluster.paths import BIN, TOP
from tests.integration.support import BUSYBOX, ModuleRun, apply, eventually, skewed
from tests.support.api_proxy import ApiProxy, Faults
from tests.support.faults import Steps
from tests.support.patience import patience

# Half a minute in which pods start, fail and recover, so that every fault meets them on their way.
EXPECTED = {"good": "", "mended": "", "crash": "crash_loop", "no-image": "image_pull"}


def options() -> dict[str, Any]:
    """A grace period that ends after the kubelet tried again, on a slow machine too."""
    graces = {"config_missing": round(patience(20))}
    return {"timeout": round(patience(100)), "fail_fast": False, "graces": graces, "log_lines": 5}


def workload(name: str, script: str, image: str = BUSYBOX, **container: Any) -> dict[str, Any]:
    labels = {"app": name}
    app = {"name": "app", "image": image, "command": ["sh", "-c", script], **container}
    pod = {"terminationGracePeriodSeconds": 0, "containers": [app]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


READY = {"exec": {"command": ["test", "-e", "/tmp/up"]}, "periodSeconds": 1}
WORKLOADS = [
    workload("good", "sleep 10; touch /tmp/up; sleep 86400", readinessProbe=READY),
    # It fails until its ConfigMap is made: who has not seen that for longer than the grace period must not say so.
    workload("mended", "sleep 86400", envFrom=[{"configMapRef": {"name": "late"}}]),
    workload("crash", "exit 3"),
    workload("no-image", "true", image="docker.io/library/not-there:1"),
]


@dataclass(frozen=True)
class Case:
    """Faults, those of them that must have occurred, and the code of what the wait ends with."""

    faults: Faults
    occur: tuple[str, ...] = ()
    raises: str = ""


CASES = {
    "none": Case(Faults()),
    "5 % 429 and 2 % 500": Case(
        Faults(seed=2, too_many=0.05, errors=0.02, watch_cut=2.0), ("too_many", "errors", "watch_cut")
    ),
    "a third of everything": Case(
        Faults(seed=1, too_many=0.1, errors=0.1, resets=0.1, truncated=0.1, watch_cut=3.0),
        ("too_many", "errors", "resets"),
    ),
    "resets": Case(Faults(seed=2, resets=0.3, watch_cut=3.0), ("resets",)),
    "watches cut": Case(Faults(watch_cut=0.3), ("watch_cut",)),
    "half-open watches": Case(Faults(watch_silent=2.0), ("watch_silent",)),
    "watches that never carry anything": Case(Faults(watch_silent=0.0), ("watch_silent",)),
    "410 as an event": Case(Faults(seed=1, gone_events=0.5, watch_cut=1.0), ("gone_events",)),
    "410 as a status": Case(Faults(gone_answers=1.0), ("gone_answers",)),
    "20 s of outage": Case(Faults(down_at=Steps("watch=", "watch="), down_seconds=20), ("down_at",)),
    "token expires": Case(Faults(watch_cut=2.0, unauthorized_after=16), raises="unauthorized"),
}


@dataclass
class Seen:
    """What a wait came to: codes by workload, or the code and sentence of what it raised."""

    codes: dict[str, str]
    raised: str
    message: str
    lines: list[str]
    proxy: ApiProxy
    seconds: float


def wait(proxy: ApiProxy, namespace: str) -> Seen:
    lines: list[str] = []
    began = time.monotonic()
    targets = [Target("apps/v1", "Deployment", namespace, name) for name in EXPECTED]
    with KubeSession.from_params({"kubeconfig": str(proxy.kubeconfig)}) as kube:
        try:
            verdict = RolloutWaiter(kube, WaitOptions.from_params(options()), lines.append).wait(targets)
        except TodoCloudError as exc:
            return Seen({}, exc.failure.code.value, exc.failure.message, lines, proxy, time.monotonic() - began)
    codes = {one.target.name: one.failure.code.value if one.failure else "" for one in verdict.workloads}
    return Seen(codes, "", "", lines, proxy, time.monotonic() - began)


def wait_with_wrong_clock(module: Callable[..., ModuleRun], namespace: str, seconds: int) -> dict[str, str]:
    """The same by a module whose wall clock is wrong."""
    workloads = [{"kind": "Deployment", "namespace": namespace, "name": name} for name in EXPECTED]
    run = module("rollout_wait", {"workloads": workloads, **options()}, env=skewed(seconds))
    assert "workloads" in run.result, run.output
    return {entry["name"]: entry["code"] for entry in run.result["workloads"]}


@pytest.fixture(scope="module")
def waits(
    kubeconfig: str, kube: KubeSession, make_namespace: Callable[..., str], module: Callable[..., ModuleRun]
) -> Iterator[dict[str, Future[Any]]]:
    """All waits, side by side, for one and the same rollout."""
    namespace = make_namespace()
    proxies = {name: ApiProxy(kubeconfig, case.faults) for name, case in CASES.items()}
    found: dict[str, Future[Any]] = {}
    with ThreadPoolExecutor(len(CASES) + 2) as pool:
        try:
            for proxy in proxies.values():
                proxy.__enter__()
            apply(kube, namespace, WORKLOADS)
            found |= {name: pool.submit(wait, proxy, namespace) for name, proxy in proxies.items()}
            for seconds in (-600, 600):
                found[f"{seconds}"] = pool.submit(wait_with_wrong_clock, module, namespace, seconds)
            eventually(
                "a pod lacks its ConfigMap", lambda: "CreateContainerConfigError" in str(kube.list_(POD, namespace))
            )
            config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}}
            kube.create(CONFIG_MAP, namespace, config)
            yield found
        finally:
            for future in found.values():
                future.exception()
            for proxy in proxies.values():
                proxy.__exit__(None, None, None)


@pytest.mark.parametrize("name", CASES)
def test_same_verdicts(name: str, waits: dict[str, Future[Any]]) -> None:
    seen: Seen = waits[name].result()
    assert seen.raised == CASES[name].raises, f"{seen.message}\n" + "\n".join(seen.lines)
    if not seen.raised:
        assert seen.codes == EXPECTED, "\n".join(seen.lines)
    for fault in CASES[name].occur:
        assert seen.proxy.counts.injected[fault], f"{fault} never occurred: {seen.proxy.counts.injected}"
    assert seen.proxy.counts.writes == 0


def test_an_expired_token_is_reported_as_such(waits: dict[str, Future[Any]]) -> None:
    seen: Seen = waits["token expires"].result()
    assert "does not accept the credentials (token expired or rejected)" in seen.message
    assert seen.proxy.counts.injected["unauthorized_after"] < 20, "reported at once, not tried again and again"


def test_an_outage_is_reported_while_it_lasts_and_gone_through(waits: dict[str, Future[Any]]) -> None:
    seen: Seen = waits["20 s of outage"].result()
    assert not any(line.startswith("mended failed") for line in seen.lines)


def test_permanent_410_makes_no_storm(waits: dict[str, Future[Any]]) -> None:
    seen: Seen = waits["410 as a status"].result()
    assert seen.proxy.counts.requests < 10 * (seen.seconds + 10), "a list and a watch of four kinds every 2 s"


@pytest.mark.parametrize("seconds", [-600, 600])
def test_the_clients_clock_does_not_matter(seconds: int, waits: dict[str, Future[Any]]) -> None:
    ask = "import time, datetime; print(time.time(), datetime.datetime.now().timestamp())"
    shown = subprocess.run([sys.executable, "-c", ask], env=skewed(seconds), capture_output=True, text=True, check=True)
    assert [round((float(when) - time.time()) / 60) for when in shown.stdout.split()] == [seconds // 60] * 2
    assert waits[f"{seconds}"].result() == EXPECTED


def test_the_proxy_carries_kubectl_helm_and_a_token(kubeconfig: str, kube: KubeSession, namespace: str) -> None:
    with ApiProxy(kubeconfig) as proxy:

        def run(program: str, *arguments: str) -> str:
            command = [str(BIN / program), *arguments, "--kubeconfig", str(proxy.kubeconfig), "--namespace", namespace]
            return subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout

        run("kubectl", "create", "configmap", "made", "--from-literal=a=b")
        assert kube.get(CONFIG_MAP, namespace, "made")["data"] == {"a": "b"}
        assert proxy.counts.writes == 1
        run("kubectl", "delete", "configmap", "made", "--dry-run=server")
        run("kubectl", "auth", "can-i", "list", "pods")
        assert proxy.counts.writes == 1
        chart = str(TOP / "tests" / "fixtures" / "charts" / "sleeper")
        run("helm", "upgrade", "--install", "a", chart, "--dry-run=server")
        assert proxy.counts.writes == 1
        run("helm", "upgrade", "--install", "a", chart)
        assert '"a"' in run("helm", "list", "--output", "json")
        assert proxy.counts.writes > 3
        assert proxy.counts.by_verb["create"] >= 2

        token = run("kubectl", "create", "token", "default").strip()
        config = proxy.kubeconfig.read_text().replace(proxy.token, token)
        other = proxy.kubeconfig.with_name("as-default")
        other.write_text(config)
        with KubeSession.from_params({"kubeconfig": str(other)}) as weak, pytest.raises(TodoCloudError) as caught:
            weak.list_(CONFIG_MAP, namespace)
        assert caught.value.failure.code == "forbidden", "another token is checked by the server itself"
        other.write_text(config.replace(token, "nonsense"))
        with KubeSession.from_params({"kubeconfig": str(other)}) as nobody, pytest.raises(TodoCloudError) as caught:
            nobody.list_(CONFIG_MAP, namespace)
        assert caught.value.failure.code == "unauthorized"
