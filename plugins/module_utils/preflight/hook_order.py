# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hooks that run before the objects of their release are made, and need one of them: they would wait until their time
is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..helm.manifest import hooks_of, weight_of
from ..kube.api import KubeReader
from ..readiness.templates import Object, built_in
from .needs import Need, needs_of, provided
from .problem import Problem
from .surroundings import missing

_BEFORE = {"pre-install", "pre-upgrade"}
_REMEDY = (
    "make that a hook as well, of a smaller helm.sh/hook-weight, or let this one run afterwards (post-install, "
    "post-upgrade)"
)


def too_early(
    kube: KubeReader,
    namespace: str,
    before: Sequence[Object],
    objects: Mapping[str, Sequence[Object]],
    hooks: Mapping[str, Sequence[Object]],
    unprepared: Callable[[Iterable[Need]], list[Need]],
) -> Iterator[Problem]:
    """``before``: what Helm creates first of all; ``objects`` and ``hooks``: by release; ``unprepared``: leaves out
    what the caller brings along.
    """
    for release, own in hooks.items():
        later = provided(objects[release], namespace, hooks=False)
        for hook in own:
            template = built_in(hook, namespace)
            if template is None or hook.get("kind") not in ("Job", "Pod") or not hooks_of(hook) & _BEFORE:
                continue
            others = (item for name in objects if name != release for item in (*objects[name], *hooks[name]))
            earlier = (h for h in own if hooks_of(h) & _BEFORE and weight_of(h) <= weight_of(hook))
            there = provided([*before, *others, *earlier], namespace, hooks=False)
            needs = [need for need in unprepared(needs_of(template)) if later.has(need, template.namespace)]
            for problem in missing(kube, release, needs, template.namespace, replace(there, by_others=False)):
                why = "yet, since this hook runs before the release's objects are made"
                yield replace(problem, message=f"{problem.message} {why}", remedy=_REMEDY)
