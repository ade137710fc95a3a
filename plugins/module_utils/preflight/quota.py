# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Do the pods of a deployment fit the namespace's quota, all together: replicas, surplus pods, sidecars; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from ..environments.quota import amount, demand
from ..failure import Code
from ..readiness.templates import Object, mapping
from .capacity import Wanted
from .problem import Problem

_NONE = Decimal(0)
_MIB = 1024**2
_SHOWN = 5


def quota_shortages(wanted: Sequence[Wanted], quotas: Iterable[Object], *, settled: bool) -> Iterator[Problem]:
    """Quotas that do not hold what is deployed beside what is used now. ``settled``: no pod is on its way out.

    New workloads need all their pods, those that run need room for one surplus pod at a time. What all rollouts and
    autoscalers may add at once is only told.
    """
    each = [(w, {**demand(w.pod, {}), "pods": Decimal(1)}) for w in wanted]
    for quota in quotas:
        spec, used = mapping(quota.get("spec")), mapping(mapping(quota.get("status")).get("used"))
        if spec.get("scopes") or spec.get("scopeSelector"):
            continue  # which pods it means is the API server's to say
        for key, hard in sorted(mapping(spec.get("hard")).items()):
            limit, now = amount(hard), amount(used.get(key, 0))
            asking = [(w, amounts[key]) for w, amounts in each if amounts.get(key)]
            least = _least(asking)
            most = sum((max(w.count, w.most) * size for w, size in asking), _NONE)
            if not asking or now + max(least, most) <= limit:
                continue
            certain = now + least > limit
            yield _problem(quota, key, asking, now, least if certain else most, certain=certain, settled=settled)


def _least(asking: Sequence[tuple[Wanted, Decimal]]) -> Decimal:
    fresh = sum((w.count * size for w, size in asking if w.fresh), _NONE)
    return fresh + max((size for w, size in asking if not w.fresh and w.count), default=_NONE)


def _problem(
    quota: Object, key: str, asking: Sequence[tuple[Wanted, Decimal]], now: Decimal, need: Decimal, *,
    certain: bool, settled: bool,
) -> Problem:  # fmt: skip
    hard = mapping(mapping(quota.get("spec")).get("hard"))[key]
    biggest = sorted(asking, key=lambda pair: -max(pair[0].count, pair[0].most) * pair[1])
    parts = [f"{w.owner} {max(w.count, w.most)} x {_words(key, size)}" for w, size in biggest[:_SHOWN]]
    more = f" and {len(biggest) - _SHOWN} more" if len(biggest) > _SHOWN else ""
    whom = "this deployment needs" if certain else "with all that rollouts and autoscalers may add at once it needs"
    name = mapping(quota.get("metadata")).get("name")
    message = (
        f"quota {name} allows {hard} of {key}, {_words(key, now)} is used, and {whom} {_words(key, need)} more "
        f"({', '.join(parts)}{more})"
    )
    remedy = f"raise it to {_words(key, now + need)} (environment_quota), or ask for less"
    return Problem(biggest[0][0].release, Code.QUOTA_EXCEEDED, message, remedy, certain=certain and settled)


def _words(key: str, value: Decimal) -> str:
    """As one would write it: millicores, MiB, or a number."""
    if key.endswith("cpu"):
        return f"{value * 1000:.0f}m"
    if key.endswith(("memory", "storage")):
        return f"{-(-value // _MIB):.0f}Mi"
    return f"{value:f}"
