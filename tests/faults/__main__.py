# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``python3 -m tests.faults``: each part that a healthy set needs is broken alone before, amid and after the write of
an upgrade; prints a table. Needs TODO_CLOUD_TEST_KUBECONFIG and TODO_CLOUD_TEST_CLUSTER, with Dapr and its broker.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import Run
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import NAMESPACE, SECRET, WELL_KNOWN
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.labels import ENVIRONMENT
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import parse_waves
from ansible_collections.todo.cloud.plugins.module_utils.releases.apply import Engine
from ansible_collections.todo.cloud.plugins.module_utils.rollout.verdict import WaitOptions
from ansible_collections.todo.cloud.plugins.module_utils.settings import Settings

from tests.cluster.paths import BIN, TOP
from tests.faults.parts import PARTS, Part, Place
from tests.integration.images import Images, images_of_cluster

COMPONENT = WELL_KNOWN["dapr.io/v1alpha1", "Component"]
CHART = str(TOP / "tests" / "fixtures" / "charts" / "objects")
BEFORE, AMID, AFTER, OUTLASTED = "before", "amid", "after", "outlasted"
MOMENTS = (BEFORE, AMID, AFTER, OUTLASTED)
_GRACES = {"image_pull": 5.0, "failed_create": 3.0, "unschedulable": 5.0}
_LIMIT_SECONDS = 300  # the default timeout: after an outage of the API server Dapr itself takes two minutes
_FIRST_SECONDS = 20.0  # an API server that has never answered is given up after 30 s: its address may be wrong
_SOURCE = "todo-local"  # where the broker's Secret and component are known to work


@dataclass
class Row:
    """One run: how it ended, and what is wrong with that."""

    part: str
    moment: str
    end: str
    seconds: float
    wrong: str = ""

    def __str__(self) -> str:
        end = f"WRONG {self.wrong}" if self.wrong else self.end
        return f"{self.part:22} {self.moment:9} {self.seconds:5.0f} s  {end}"


@dataclass
class End:
    """How a run ended: code and message of its failure, empty without one, and what became of the release."""

    code: str = ""
    text: str = ""
    outcome: str = "verified"

    def __str__(self) -> str:
        return f"{self.code}: {self.text}" if self.code else self.outcome


class Bench:
    """One release with a sidecar, in an environment of its own."""

    def __init__(self, kubeconfig: str, cluster: str, kube: KubeSession, images: Images) -> None:
        self._kubeconfig, self._images = kubeconfig, images
        self._namespace = f"faults-{os.getpid()}"
        self._place = Place(cluster, self._namespace, kube)
        self._kube = kube
        self._version = 0

    def begin(self) -> None:
        """The namespace, the component, and a verified first version."""
        meta = {"name": self._namespace, "labels": {ENVIRONMENT: "faults"}}
        self._kube.create(NAMESPACE, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        for resource, name in ((SECRET, "kafka-credentials"), (COMPONENT, "pubsub")):
            item = self._kube.get(resource, _SOURCE, name)
            item["metadata"] = {"name": name}
            item.pop("scopes", None)
            self._kube.create(resource, self._namespace, item)
        end = self._apply(self._next(), 120, lambda line: None)
        assert not end.code, str(end)

    def end(self) -> None:
        """Everything of it goes."""
        self._kube.delete(NAMESPACE, "", self._namespace)

    def row(self, part: Part, moment: str, *, verbose: bool) -> Row:
        """Breaks the part at this moment of an upgrade, and mends it once it is named, or after the run."""
        begun, version, lines = time.monotonic(), self._next(), list[str]()
        timers: list[threading.Timer] = []
        with ExitStack() as broken:

            def crush() -> None:
                broken.enter_context(part.broken(self._place))
                if part.back_after and moment != OUTLASTED:
                    after = min(part.back_after, _FIRST_SECONDS) if moment == BEFORE else part.back_after
                    timers.append(threading.Timer(after, broken.close))
                    timers[0].start()

            def hear(line: str) -> None:
                lines.append(line)
                if verbose:
                    print(f"    {time.monotonic() - begun:5.1f} {line}", flush=True)
                due = {AMID: "wave 1 of", AFTER: "available"}.get(moment)
                if due and due in line and not any(due in each for each in lines[:-1]):
                    crush()
                if part.back_at and part.back_at in line and moment != OUTLASTED:
                    broken.close()

            if moment in (BEFORE, OUTLASTED):
                crush()
            end = self._apply(version, part.outlasted if moment == OUTLASTED else _LIMIT_SECONDS, hear)
            for timer in timers:
                timer.join()
        row = Row(part.name, moment, str(end), time.monotonic() - begun, _wrong(part, moment, end))
        self._settle(version)
        return row

    def _settle(self, version: str) -> None:
        """The next run gets to its end, without another change."""
        for _attempt in range(3):
            end = self._apply(version, 180, lambda line: None)
            if not end.code:
                return
        raise AssertionError(f"it does not settle: {end}")

    def _next(self) -> str:
        self._version += 1
        tag = f"v{self._version}"
        self._images.push("api", tag, tag, "mkdir /tmp/www; exec httpd -f -p 8080 -h /tmp/www")
        return tag

    def _apply(self, tag: str, seconds: int, progress: Callable[[str], None]) -> End:
        """release_apply."""
        wait = WaitOptions(stability_seconds=1, graces=_GRACES)
        settings = Settings("faults", self._namespace, timeout=seconds, wait=wait, all_releases=("api",))
        with KubeSession.from_params({"kubeconfig": self._kubeconfig}) as kube:
            run = Run(kube, HelmCli(kube.kubeconfig, str(BIN / "helm")), settings, progress, "release_apply")
            values = {"objects": [self._deployment(tag)]}
            release = {
                "name": "api", "namespace": self._namespace, "chart": CHART, "app_id": "api", "values": values,
            }  # fmt: skip
            try:
                Engine(run, parse_waves([[release]], self._namespace)).apply()
            except TodoCloudError as exc:
                rows = exc.results.get("releases") or [{"outcome": "kept"}]
                return End(exc.failure.code.value, exc.failure.message, rows[0]["outcome"])
            return End()

    def _deployment(self, tag: str) -> dict[str, object]:
        labels = {"app": "api"}
        notes = {
            "dapr.io/enabled": "true", "dapr.io/app-id": "api", "dapr.io/log-as-json": "true",
            "dapr.io/sidecar-readiness-probe-delay-seconds": "1", "dapr.io/sidecar-readiness-probe-period-seconds": "2",
        }  # fmt: skip
        probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
        container = {"name": "app", "image": f"{self._images.name('api')}:{tag}", "readinessProbe": probe}
        pod = {"containers": [container], "terminationGracePeriodSeconds": 1}
        return {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api"},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels, "annotations": notes}, "spec": pod}},
        }  # fmt: skip


def _wrong(part: Part, moment: str, end: End) -> str:
    if end.outcome == "restored":
        return f"went back: {end}"
    if moment != OUTLASTED and end.code:
        return f"did not go on to its end: {end}"
    if end.code and (end.code != part.code or part.named not in end.text):
        return f"not named: {end}"
    return ""


def main(parts: Sequence[Part] = PARTS) -> int:
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--part", action="append", help="only parts whose name holds this")
    parser.add_argument("--moment", action="append", choices=MOMENTS, help="only at these moments")
    parser.add_argument("--verbose", action="store_true", help="the runs' progress too")
    options = parser.parse_args()
    kubeconfig, cluster = os.environ["TODO_CLOUD_TEST_KUBECONFIG"], os.environ["TODO_CLOUD_TEST_CLUSTER"]
    rows: list[Row] = []
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what is broken is mended whatever ends this
    with (
        KubeSession.from_params({"kubeconfig": kubeconfig}, user_agent="todo.cloud tests") as kube,
        images_of_cluster(kubeconfig).kept_while() as images,
    ):
        bench = Bench(kubeconfig, cluster, kube, images)
        try:
            bench.begin()
            for moment in options.moment or MOMENTS:
                for part in parts:
                    if not options.part or any(each in part.name for each in options.part):
                        rows.append(bench.row(part, moment, verbose=options.verbose))
                        print(rows[-1], flush=True)
        finally:
            bench.end()
    wrong = [row for row in rows if row.wrong]
    print(f"{len(rows)} runs, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
