"""Sets of releases: unchanged, changed in one and in two waves, rolled back; compared with other tools.

Every tool gets a namespace of its own with 15 releases of one chart, whose pods are ready two seconds after their
start, and the machine to itself. Times are those of the whole command, so Ansible's own start is in ours. Requests are
counted in runs of their own behind a proxy, since that costs time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP

from tests.bench.deployers import (
    ENVIRONMENT,
    AtOnce,
    CoreLoop,
    Deployer,
    Helmfile,
    Ideal,
    OneByOne,
    ReleaseApply,
)
from tests.bench.figures import Findings, Goal, median, times
from tests.bench.world import HELMFILE, Broken, World
from tests.cluster.say import say
from tests.support.api_proxy import ApiProxy

NAMES = [f"r{number:02}" for number in range(15)]
FEW = NAMES[:5]
HALVES = [NAMES[:8], NAMES[8:]]
ANSIBLE_START_SECONDS = 1.2
_REPEATS = 3
DEPLOYERS: tuple[type[Deployer], ...] = (Ideal, AtOnce, OneByOne, Helmfile, CoreLoop, ReleaseApply)


@dataclass
class Figures:
    """What one tool took, in seconds, and what it asked of the API."""

    tool: str
    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, tuple[int, int, int]] = field(default_factory=dict)  # requests, writes, bytes

    def of(self, what: str) -> float | None:
        """Seconds of one action."""
        return self.seconds.get(what)

    def writes(self, what: str) -> float | None:
        """Writes of one action."""
        return float(self.counts[what][1]) if what in self.counts else None


FEW_SAME, SAME = "5 unchanged", "15 unchanged"
CHANGED, WAVES, BACK = "15 changed", "15 changed, 2 waves", "15 taken back"
COUNTED = (SAME, CHANGED)


def measure(world: World) -> Findings:
    """The tables of releases."""
    tools: list[Figures] = []
    notes = []
    for kind in DEPLOYERS:
        if kind is Helmfile and not HELMFILE.exists():
            notes.append("helmfile is not built (`python3 -m tests.cluster build --bench`): its rows are missing")
            continue
        try:
            with world.namespace(kind.__name__.lower(), **{"todo.cloud/environment": ENVIRONMENT}) as namespace:
                tools.append(_one(world, kind(world, namespace, NAMES)))
            world.gone(namespace)
        except (Broken, AssertionError) as exc:  # the others' figures stand; goals that need this one are not met
            notes.append(f"{kind.name}: no figures: {exc}")
            say(notes[-1])
    found = findings(tools)
    found.notes += notes
    return found


def _one(world: World, tool: Deployer) -> Figures:
    """All actions of one tool, each verified by the state of the cluster."""
    figures = Figures(tool.name)

    def act(what: str, text: str, action: Callable[[], float]) -> None:
        figures.seconds[what] = action()
        _verify(world, tool.namespace, what, text)
        say(f"{tool.name}: {what} in {figures.seconds[what]:.1f} s")

    tool.install("one")
    repeats = 1 if tool.in_a_row else _REPEATS
    act(FEW_SAME, "one", lambda: _middle(repeats, lambda: tool.apply([FEW], "one")))
    act(SAME, "one", lambda: _middle(repeats, lambda: tool.apply([NAMES], "one")))
    act(CHANGED, "two", lambda: tool.apply([NAMES], "two"))
    if not tool.in_a_row:
        act(WAVES, "three", lambda: tool.apply(HALVES, "three"))
    if tool.goes_back:
        act(BACK, "two", tool.back)
    now = "two" if tool.goes_back or tool.in_a_row else "three"
    with _counting(world, tool, figures, SAME):
        tool.apply([NAMES], now)
    if not tool.in_a_row:
        with _counting(world, tool, figures, CHANGED):
            tool.apply([NAMES], "four")
        _verify(world, tool.namespace, CHANGED, "four")
    return figures


def _middle(repeats: int, action: Callable[[], float]) -> float:
    return median([action() for _ in range(repeats)]) or 0.0


@contextmanager
def _counting(world: World, tool: Deployer, figures: Figures, what: str) -> Iterator[None]:
    """The tool uses a proxy meanwhile."""
    with ApiProxy(Path(world.kubeconfig)) as proxy:
        tool.kubeconfig = proxy.kubeconfig
        try:
            yield
        finally:
            tool.kubeconfig = None
        counts = proxy.counts
        figures.counts[what] = (counts.requests, counts.writes, counts.bytes_in + counts.bytes_out)


def _verify(world: World, namespace: str, what: str, text: str) -> None:
    """Verifies that every release is at ``text``: a tool that did nothing gets no figure."""
    found = {
        item["metadata"]["name"]: item.get("data", {}).get("text")
        for item in world.kube.list_(CONFIG_MAP, namespace)[0]
    }
    wrong = [name for name in NAMES if found.get(name) != text]
    if wrong:
        raise Broken(f"{what}: {', '.join(wrong)} should be at {text!r}")


def findings(tools: Sequence[Figures]) -> Findings:
    """From figures to tables and goals."""
    found = Findings("releases", "Sets of releases: seconds of whole commands, and requests counted at the proxy")
    actions = (FEW_SAME, SAME, CHANGED, WAVES, BACK)
    for tool in tools:
        row: dict[str, Any] = {"tool": tool.tool, **{f"{what} s": tool.of(what) for what in actions}}
        for what in COUNTED:
            requests, writes, size = tool.counts.get(what, (None, None, None))
            short = what.removeprefix("15 ")
            row |= {f"{short}: requests": requests, "writes" if what == SAME else "writes ": writes}
            row["kB" if what == SAME else "kB "] = None if size is None else round(size / 1000)
        found.rows.append(row)
    by_name = {tool.tool: tool for tool in tools}
    none = Figures("")
    ours, peer = by_name.get(ReleaseApply.name, none), by_name.get(Helmfile.name, none)
    ideal, at_once = by_name.get(Ideal.name, none), by_name.get(AtOnce.name, none)
    found.goals = [
        Goal("5 unchanged, by 0.5 of helmfile", ours.of(FEW_SAME), times(0.5, peer.of(FEW_SAME))),
        Goal("15 unchanged, by 0.5 of helmfile", ours.of(SAME), times(0.5, peer.of(SAME))),
        Goal("15 unchanged, writes", ours.writes(SAME), 0.0, "writes"),
        Goal("15 changed, by 1.3 of the ideal", ours.of(CHANGED), times(1.3, ideal.of(CHANGED))),
        Goal("15 changed in 2 waves, by 1.1 of the ideal", ours.of(WAVES), times(1.1, ideal.of(WAVES))),
        Goal("15 changed, by all at once", ours.of(CHANGED), times(1, at_once.of(CHANGED))),
        Goal("15 changed in 2 waves, by all at once and Ansible's start", ours.of(WAVES),
             times(1, at_once.of(WAVES), ANSIBLE_START_SECONDS)),
        Goal("15 taken back, by 0.8 of the slowest helm rollback", ours.of(BACK), times(0.8, at_once.of(BACK))),
    ]  # fmt: skip
    found.notes = [
        "release_apply with stability_seconds 0: a pod counts from the first moment at which it is ready, as with the "
        "others; the default of 3 s is added to every change otherwise",
        "helmfile, kubernetes.core.helm and the loop take releases of one chart one by one: waves change nothing",
    ]
    return found
