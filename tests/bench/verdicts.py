"""Eight failures, each judged by three: how long from the moment the API first shows it until there is a verdict.

``helm upgrade --wait`` deploys each of them and waits; ``kubectl rollout status`` and one ``rollout_wait`` task of a
playbook (a host for each failure) wait for the very same Deployment at the same time. All have the same timeout. The
playbook's tasks have begun to watch before anything is deployed: the piece single measures how
long a task takes to start.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, POD, Resource

from tests.bench.failures import CASES, UNSCHEDULABLE_GRACE_SECONDS, Case
from tests.bench.figures import Findings, Goal
from tests.bench.world import CHART, HELM, KUBECTL, Broken, Started, World
from tests.integration.support import apply, eventually

TIMEOUT_SECONDS = 60
_END_SECONDS = TIMEOUT_SECONDS + 30.0  # after that what still runs is ended
_START_SECONDS = 60.0
_GOAL_SECONDS = 3.0
_KINDS: dict[str, Resource] = {"Pod": POD, "Deployment": DEPLOYMENT}
_FAILED = re.compile(r"^fatal: \[([\w-]+)\]", re.MULTILINE)
_LINE = re.compile(r"^  \[([\w-]+)\] ", re.MULTILINE)  # a live line
_CODE = re.compile(r"verdict=([\w-]+):(\w+)")


@dataclass
class Sightings:
    """Moments (monotonic clock) at which the API first showed each failure; filled by threads that watch."""

    world: World
    first: dict[str, float] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def watch(self, namespace: str, kind: str, cases: dict[str, Case]) -> None:
        """Begin to watch one kind in one namespace; before anything is deployed there."""
        version = self.world.kube.list_(_KINDS[kind], namespace)[1]
        threading.Thread(target=self._follow, args=(namespace, kind, cases, version), daemon=True).start()

    def stop(self) -> None:
        """No thread writes any more what it sees."""
        self._over.set()

    def _follow(self, namespace: str, kind: str, cases: dict[str, Case], version: str) -> None:
        stream = None
        try:
            stream = self.world.kube.watch(
                _KINDS[kind], namespace, version, seconds=_END_SECONDS + 30, silence=_END_SECONDS + 60
            )
            for event in stream:
                if self._over.is_set():
                    return
                self._note(event["object"], cases)
        except (TodoCloudError, OSError, ValueError) as exc:
            if not self._over.is_set():
                self.lost.append(f"{kind} in {namespace}: {exc}")
        finally:
            if stream is not None:
                stream.close()

    def _note(self, obj: dict[str, Any], cases: dict[str, Case]) -> None:
        labels = obj.get("metadata", {}).get("labels") or {}
        template = obj.get("spec", {}).get("template", {}).get("metadata", {}).get("labels") or {}
        name = labels.get("app.kubernetes.io/instance") or template.get("app.kubernetes.io/instance")
        if name in cases and name not in self.first and cases[name].shows(obj):
            self.first[name] = time.monotonic()


def measure(world: World) -> Findings:
    """The table of failures."""
    with ExitStack() as stack:
        open_space = stack.enter_context(world.namespace("verdicts"))
        tight_space = stack.enter_context(world.namespace("quota"))
        spaces = {name: open_space if case.quota is None else tight_space for name, case in CASES.items()}
        _limit_pods(world, tight_space)
        sightings = Sightings(world)
        stack.callback(sightings.stop)
        for space in (open_space, tight_space):
            for kind in _KINDS:
                here = {name: case for name, case in CASES.items() if spaces[name] == space and case.kind == kind}
                sightings.watch(space, kind, here)
        ours = world.start(_ours(world, spaces))
        stack.callback(ours.end)
        eventually(
            "all rollout_wait tasks watch", lambda: set(_LINE.findall(_read(ours))) >= set(CASES), _START_SECONDS
        )
        began = time.monotonic()
        helm = {name: world.start(_helm(world, name, spaces[name])) for name in CASES}
        kubectl = {name: world.start(_kubectl(world, name, spaces[name])) for name in CASES}
        judged, codes, ended = _follow(ours, {**_keyed("helm", helm), **_keyed("kubectl", kubectl)}, began)
    if sightings.lost:
        raise Broken(f"a watch was lost: {sightings.lost[0]}")
    return findings(sightings.first, judged, codes, ended)


def findings(
    first: dict[str, float],
    judged: dict[str, float],
    codes: dict[str, str],
    ended: dict[tuple[str, str], tuple[float, int]],
) -> Findings:
    """From moments on one clock, and the peers' exit codes, to the table.

    A verdict with another code than the right one is none; a peer that calls the rollout good has no figure.
    """
    found = Findings(
        "verdicts",
        f"Seconds from the moment the API shows a failure to the verdict (timeout of all three: {TIMEOUT_SECONDS} s)",
    )
    for name, case in CASES.items():
        shown = first.get(name)
        right = codes.get(name) == case.code

        def after(moment: float | None, since: float | None = shown) -> float | None:
            return None if moment is None or since is None else moment - since

        seconds = after(judged.get(name))
        found.rows.append(
            {
                "failure": name,
                "rollout_wait s": seconds,
                "stated grace s": case.grace,
                "beyond the grace s": None if seconds is None else seconds - case.grace,
                "says": codes.get(name, "-"),
                **_peer("helm --wait", after, ended.get(("helm", name))),
                **_peer("kubectl rollout status", after, ended.get(("kubectl", name))),
            }
        )
        beyond = seconds - case.grace if seconds is not None and right else None
        found.goals.append(Goal(f"{name}: verdict after the stated grace", beyond, _GOAL_SECONDS))
    found.notes.append(
        f"grace of unschedulable set to {UNSCHEDULABLE_GRACE_SECONDS:.0f} s for this run (default 60 s); "
        "helm and kubectl end at their timeout unless they say earlier"
    )
    return found


def _peer(tool: str, after: Callable[[float | None], float | None], end: tuple[float, int] | None) -> dict[str, Any]:
    if end is None:
        return {f"{tool} s": None, f"{tool} says": "-"}
    moment, code = end
    return {f"{tool} s": after(moment) if code else None, f"{tool} says": "failed" if code else "ready (wrong)"}


def _limit_pods(world: World, namespace: str) -> None:
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    apply(world.kube, namespace, [body])
    quota = world.kube.resource("v1", "ResourceQuota")
    eventually("the quota is counted", lambda: "used" in world.kube.get(quota, namespace, "none").get("status", {}))


def _helm(world: World, name: str, namespace: str) -> list[str]:
    values = world.folder / f"{name}.json"
    values.write_text(json.dumps({"pod": CASES[name].pod}))
    return [str(HELM), "upgrade", "--install", name, str(CHART), "--namespace", namespace, "--values", str(values),
            "--wait", "--timeout", f"{TIMEOUT_SECONDS}s"]  # fmt: skip


def _kubectl(world: World, name: str, namespace: str) -> list[str]:
    """The Deployment is not there yet: ``kubectl wait --for=create`` makes kubectl begin when it is."""
    status = f"rollout status deployment/{name} --namespace {namespace} --timeout={TIMEOUT_SECONDS}s"
    create = f"wait --for=create deployment/{name} --namespace {namespace} --timeout=30s"
    return ["sh", "-c", f"{KUBECTL} {create} && exec {KUBECTL} {status}"]


def _ours(world: World, spaces: dict[str, str]) -> list[str]:
    hosts = {name: {"ansible_connection": "local", "space": space} for name, space in spaces.items()}
    inventory = world.folder / "failures.yml"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    wait = {
        "workloads": [{"name": "{{ inventory_hostname }}", "namespace": "{{ space }}"}],
        "timeout": TIMEOUT_SECONDS,
        "graces": {"unschedulable": UNSCHEDULABLE_GRACE_SECONDS, "not_found": 30},
    }
    play = {
        "hosts": "all",
        "tasks": [
            {"name": "Judged", "todo.cloud.rollout_wait": wait, "register": "judged", "ignore_errors": True},
            {
                "name": "Code",
                "ansible.builtin.debug": {
                    "msg": "verdict={{ inventory_hostname }}:{{ judged.failure.code | default(judged.verdict) }}"
                },
            },
        ],
    }
    return world.playbook_command(play, "-i", str(inventory), "--forks", str(len(spaces)))


def _keyed(tool: str, running: dict[str, Started]) -> dict[tuple[str, str], Started]:
    return {(tool, name): one for name, one in running.items()}


def _follow(
    ours: Started, peers: dict[tuple[str, str], Started], began: float
) -> tuple[dict[str, float], dict[str, str], dict[tuple[str, str], tuple[float, int]]]:
    """When each of our verdicts was printed, its code, and when each peer ended, with its exit code."""
    judged: dict[str, float] = {}
    ended: dict[tuple[str, str], tuple[float, int]] = {}
    everyone = [ours, *peers.values()]
    text = ""
    try:
        while ours.process.poll() is None or len(ended) < len(peers):
            now = time.monotonic()
            text = _read(ours)
            for host in _FAILED.findall(text):
                judged.setdefault(host, now)
            for key, one in peers.items():
                if key not in ended and (code := one.process.poll()) is not None:
                    ended[key] = now, code
            if now - began > _END_SECONDS:
                break
            time.sleep(0.03)
        text = _read(ours)
    finally:
        for one in everyone:
            one.end()
            one.output.close()
    if not judged:
        raise Broken(f"rollout_wait gave no verdict: {text[-2000:]}")
    return judged, dict(_CODE.findall(text)), ended


def _read(one: Started) -> str:
    """What a command printed so far."""
    number = one.output.fileno()
    return os.pread(number, os.fstat(number).st_size, 0).decode(errors="replace")  # the writer's offset stays
