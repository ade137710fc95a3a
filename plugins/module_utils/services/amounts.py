# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CPU and memory as entries say them: ``request-limit``, each a Kubernetes quantity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .types import is_template

_UNITS = {
    "": 1.0, "m": 1e-3, "K": 1e3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("KMGT", 1)},
}  # fmt: skip
_MOST_CORES, _LEAST_BYTES = 64, 1e6  # beyond, the unit was left out


def amount(quantity: object) -> float:
    """Cores, or bytes; 0 for what is no quantity."""
    text = str(quantity)
    number = text.rstrip("KkMGTim")
    try:
        return float(number) * _UNITS[text[len(number) :]]
    except (KeyError, ValueError):
        return 0.0


def request_and_limit(said: str) -> tuple[float, float]:
    """Both amounts; one number is both."""
    request, _hyphen, limit = said.partition("-")
    return amount(request), amount(limit or request)


def amount_problems(resources: Mapping[str, Any], where: str) -> Iterator[str]:
    """What is wrong with amounts that are quantities: no unit, or more asked for than allowed."""
    for key, said in resources.items():
        if is_template(said):
            continue
        request, limit = request_and_limit(said)
        if not request or request > limit:
            yield f"{where}.{key} is {said!r}, which is not a request and a limit that is no less."
        elif key == "cpu" and limit > _MOST_CORES:
            yield f"{where}.cpu is {said!r}, which is {limit:.0f} cores; did you mean '{limit:.0f}m'?"
        elif key == "memory" and request < _LEAST_BYTES:
            yield f"{where}.memory is {said!r}, which is {request:.0f} bytes; did you mean '{request:.0f}Mi'?"
