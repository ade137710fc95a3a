# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Points of the chaos test: what was running, how and when it was killed or paused, and what must hold afterwards."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.environment import Environment
from tests.chaos.processes import Run

CONTROLLER, TREE, STOP, PAUSE, SIGNAL = "controller", "tree", "stop", "pause", "signal"
FIRST, UPGRADE, ROLLBACK = "first run", "upgrade", "rollback"
SITE, SERVICES = "site.yml", "playbooks/services.yml"
KINDS = (CONTROLLER, CONTROLLER, TREE, TREE, STOP, PAUSE, SIGNAL, SIGNAL)
# Ctrl-C, a runner that is told to end, a terminal that is closed.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_DIE_SECONDS = 60.0  # how long what a killed controller started may live on
_END_SECONDS = 120.0  # how long a signalled controller may wait for its tasks
_AT_WORK = ("wave 1 of", "going back to release set")
_HOLDER_SECONDS = 600.0
_PAUSES_MOST = 4
_PAUSE_SECONDS = (0.3, 3.0)  # as on a busy machine
_BETWEEN_SECONDS = (0.2, 1.5)


@dataclass
class Point:
    """One point. ``where``: what the run had printed last when it was hit."""

    seed: str
    kind: str
    work: str
    moment: float
    at_work: bool
    where: str = ""
    found: str = ""

    def __str__(self) -> str:
        after = "work began" if self.at_work else "start"
        return f"seed {self.seed}: {self.work}, {self.kind}, {self.moment:.2f} s after {after} ({self.where})"


@dataclass
class Chain:
    """Points one after another in one environment; each leaves it settled, or raises AssertionError naming itself."""

    environment: Environment
    seed: str
    number: int = 0
    version: str = ""
    verified_again: int = 1  # after every so many points a further run must change nothing
    seconds: dict[str, float] = field(default_factory=lambda: {FIRST: 15.0, UPGRADE: 15.0, ROLLBACK: 8.0})

    def play(self, kind: str) -> Point:
        """The next point, of a kind."""
        self.number += 1
        seed = f"{self.seed}/{self.number}"
        chance = random.Random(seed)
        point = Point(seed, kind, self._work(chance), 0.0, chance.random() < 0.6)
        point.moment = chance.uniform(0.0, 3.0) if point.at_work else chance.uniform(0.2, self.seconds[point.work])
        try:
            with self.environment.watched():
                (self._back if point.work == ROLLBACK else self._deploy)(point, chance)
            self.environment.settled(self.version)
            if self.number % self.verified_again == 0:
                self._nothing_changes()
        except AssertionError as exc:
            raise AssertionError(f"{point}: {exc}\nlogs: {self.environment.folder}") from exc
        return point

    def _nothing_changes(self) -> None:
        again = self.environment.run(SITE, self.version)
        recap = again.output.rpartition("PLAY RECAP")[2]
        assert "changed=" not in recap.replace("changed=0", ""), f"the run after that changed something: {again.log}"

    def _work(self, chance: random.Random) -> str:
        if not self.version:
            return FIRST
        verified = {self.environment.version_of(r) for r in self.environment.records()}
        work = chance.choice((UPGRADE, UPGRADE, ROLLBACK, ROLLBACK, FIRST))
        return UPGRADE if work == ROLLBACK and len(verified) < 2 else work

    def _deploy(self, point: Point, chance: random.Random) -> None:
        """A first run or an upgrade is killed; the same again, or sometimes the version before, must do."""
        if point.work == FIRST:
            self.environment.renew()
        wanted = f"v{self.number}"
        # The part of site.yml that writes releases is quicker by itself; the whole of it is run at the end in any case.
        book = SITE if point.work == FIRST or chance.random() < 0.4 else SERVICES
        run = self.environment.start(book, wanted, *self._time(point))
        self._hit(point, run, chance, lambda: self.environment.run(book, wanted))
        if point.kind == PAUSE:
            self.version = wanted
            return
        back = point.work == UPGRADE and chance.random() < 0.25
        self.version = self.version if back else wanted
        self.seconds[point.work] = self.environment.run(book, self.version).seconds

    def _back(self, point: Point, chance: random.Random) -> None:
        """A rollback is killed; the next one ends at the same target."""
        records = self.environment.records()
        target = next(r for r in reversed(records) if self.environment.version_of(r) != self.version)
        named = ["-e", f"rollback_to={target.id}"]
        # Woken before it had the lock, a stopped one that names no set would rightly go further back.
        begin = named if chance.random() < 0.3 or point.kind == STOP else []
        run = self.environment.start("rollback.yml", self.version, *begin, *self._time(point))
        self._hit(point, run, chance, lambda: self.environment.run("rollback.yml", self.version, *named))
        if point.kind == PAUSE:
            self.version = self.environment.version_of(target)
            return
        begun = self.environment.rollback_begun()
        assert begun in (0, target.id), f"it was going to {begun}, not to {target.id}"
        # Killed before it began, or when all was done: then only naming the set says what is meant.
        done = self.environment.run("rollback.yml", self.version, *([] if begun else named))
        self.seconds[ROLLBACK] = done.seconds
        self.version = self.environment.version_of(target)

    def _time(self, point: Point) -> list[str]:
        # A stopped run's lock is free after its ttl and its timeout.
        return ["-e", "release_timeout=8"] if point.kind == STOP else []

    def _hit(self, point: Point, run: Run, chance: random.Random, meanwhile: Callable[[], Run]) -> None:
        try:
            if point.at_work:
                run.wait(600, lambda: any(word in run.output for word in _AT_WORK))
            over = run.wait(point.moment)
            lines = [line.strip() for line in run.output.splitlines() if line.strip()]
            point.where = "ended by itself" if over else (lines[-1] if lines else "nothing printed")[:100]
            if point.kind == PAUSE:
                _pause(run, chance)
            if over or point.kind == PAUSE:
                return
            if point.kind == CONTROLLER:
                run.kill_controller()
                left = run.strays(_DIE_SECONDS)
                assert not left, f"outlived its controller by {_DIE_SECONDS:.0f} s: {left}"
            elif point.kind == SIGNAL:
                number = chance.choice(_SIGNALS)
                run.send(number, group=chance.random() < 0.6)
                run.wait(_END_SECONDS)
                left = run.strays(_DIE_SECONDS)
                assert not left, f"outlived {number.name} by {_END_SECONDS + _DIE_SECONDS:.0f} s: {left}"
            elif point.kind == TREE:
                run.kill_tree()
            else:
                run.stop()
                meanwhile()  # another run finds the lock abandoned, takes it, and converges
                run.go_on()
                run.wait(_HOLDER_SECONDS)
                left = run.strays(_DIE_SECONDS)
                assert not left, f"went on after it had been stopped: {left}"
        finally:
            run.end()


def _pause(run: Run, chance: random.Random) -> None:
    """The whole process tree is stopped a few times; the run must end as usual."""
    for _ in range(chance.randint(1, _PAUSES_MOST)):
        if run.over:
            break
        run.stop()
        time.sleep(chance.uniform(*_PAUSE_SECONDS))
        run.go_on()
        run.wait(chance.uniform(*_BETWEEN_SECONDS))
    run.wait(_HOLDER_SECONDS)
    assert run.controller.returncode == 0, f"paused, it failed: {run.log}\n{run.output[-3000:]}"
