"""Runs targets: input N of a target follows from the seed and N alone, so that each can be tried again by itself."""

from __future__ import annotations

import importlib
import pkgutil
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from types import FrameType
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError

from tests.fuzz import targets
from tests.fuzz.mutations import mutated


@dataclass(frozen=True)
class Target:
    """``attempt`` takes an input that was made from one of ``seeds`` (plain data, text, bytes) by ``change``.

    It may return, or raise TodoCloudError or one of ``expected``. Anything else is an escape, an AssertionError too: so
    it may check what it got (no secret in it, nothing written). ``seconds`` bounds one input on a busy machine.
    """

    name: str
    seeds: Sequence[Any]
    attempt: Callable[[Any], object]
    expected: tuple[type[Exception], ...] = ()
    change: Callable[[Random, Any], Any] = mutated
    seconds: float = 10.0


@dataclass(frozen=True)
class Escape:
    """An input that did not end well."""

    target: str
    number: int
    given: str
    problem: str

    def __str__(self) -> str:
        return f"{self.target} --only {self.number}: {self.problem}\n  given: {self.given}"


class TooSlow(BaseException):
    """No Exception, so that the code under test cannot take it for one of its own."""


def all_targets() -> dict[str, Target]:
    """The targets of all files, by name."""
    names = [module.name for module in pkgutil.iter_modules(targets.__path__)]
    found: list[Target] = [importlib.import_module(f"{targets.__name__}.{name}").TARGET for name in names]
    return {target.name: target for target in found}


def escapes(target: Target, seed: int, numbers: Sequence[int]) -> Iterator[Escape]:
    """Tries the inputs with these numbers; the good inputs themselves come first, as 0, 1 ..."""
    for number in numbers:
        given = input_of(target, seed, number)
        if problem := _problem(target, given):
            yield Escape(target.name, number, ascii(given)[:2000], problem)


def input_of(target: Target, seed: int, number: int) -> Any:
    """The input with this number."""
    if number < len(target.seeds):
        return target.seeds[number]
    rng = Random(f"{target.name}/{seed}/{number}")
    return target.change(rng, rng.choice(target.seeds))


def _problem(target: Target, given: Any) -> str:
    """What went wrong; empty if all is well."""
    try:
        with _at_most(target.seconds):
            target.attempt(given)
    except TooSlow:
        return f"it took longer than {target.seconds:.0f} s"
    except Exception as exc:
        if isinstance(exc, (TodoCloudError, *target.expected)):
            return ""
        where = traceback.extract_tb(exc.__traceback__)[-1]
        return f"{type(exc).__name__}: {ascii(str(exc))[:300]} ({where.filename.rpartition('/')[2]}:{where.lineno})"
    return ""


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
