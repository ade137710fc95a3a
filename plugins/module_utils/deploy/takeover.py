# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects that Helm does not take into a release, takes away with it, or makes once only; told before it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..failure import Code
from ..helm.manifest import hooks_of, is_kept, key_of, objects_of, runs_with
from ..helm.program import Rendered
from ..helm.stored import ReleaseStatus, Revision
from ..labels import OWNER_NAMESPACE, OWNER_RELEASE
from ..parsing import quoted
from ..preflight.problem import Problem
from ..readiness.rules import group_of
from ..readiness.templates import Object
from .boundary import Boundary, Item, foreign

_BEFORE = "pre-upgrade"


def not_taken_over(
    boundary: Boundary, release: str, rendered: Rendered, stored: Callable[[], str]
) -> Iterator[Problem]:
    """Objects that a release does not have yet (``stored``: its manifest so far), and that are there without Helm's
    marks: it makes them its own for nobody.
    """
    there = list(boundary.nobodys(release, rendered.manifest))
    known = {_identity(item) for item in objects_of(stored())} if there else set()
    for item in there:
        if (item.api_version.rpartition("/")[0], item.kind, item.name) not in known:
            message = f"{quoted(item)} is there already, and no release of Helm has made it"
            remedy = (
                f"remove it, rename it in the chart, or, if it says what the chart does, {_hand_over(item, boundary)}"
            )
            yield foreign(release, message, remedy)


def _hand_over(item: Item, boundary: Boundary) -> str:
    where = f"-n {item.namespace} " if item.namespace else ""
    call, what = f"kubectl {where}", f"{item.kind.lower()} {item.name}"
    marks = f"{OWNER_RELEASE}={item.release} {OWNER_NAMESPACE}={boundary.namespace}"
    return (
        f"give it to the release: {call}annotate {what} {marks} && {call}label {what} app.kubernetes.io/managed-by=Helm"
    )


def turned_into_hooks(release: str, rendered: Rendered, stored: Callable[[], str]) -> Iterator[Problem]:
    """Objects of a release that its chart makes a hook of: Helm applies them first, and removes them with what is no
    longer in the release.
    """
    hooks = [item for text in rendered.hooks for item in objects_of(text) if _BEFORE in hooks_of(item)]
    if not hooks:
        return
    left = {_identity(item) for item in objects_of(rendered.manifest)}
    removed = {_identity(item) for item in objects_of(stored()) if not is_kept(item)} - left
    for item in hooks:
        if _identity(item) in removed:
            kind, _namespace, name = key_of(item)
            message = (
                f"{kind} {quoted(name)} is an object of the release and becomes a {_BEFORE} hook, so Helm would make "
                "it first and remove it afterwards"
            )
            yield Problem(release, Code.CHART_INVALID, message, "give the hook another name")


def first_hooks(release: str, rendered: Rendered, history: Iterable[Revision]) -> Iterator[Problem]:
    """Hooks of a first installation that failed: to Helm what follows is an upgrade, and they do not run again."""
    if any(revision.status is not ReleaseStatus.FAILED for revision in history):
        return
    missed = [
        f"{item.get('kind')} {quoted(key_of(item)[2])}"
        for text in rendered.hooks
        if runs_with(text, first=True) and not runs_with(text, first=False)
        for item in objects_of(text)
    ]
    if missed:
        message = (
            f"hooks of the first installation ({', '.join(missed)}) do not run again: that failed, and what follows is "
            "an upgrade"
        )
        remedy = f"if they did not do their work, begin anew: helm uninstall {release}"
        yield Problem(release, Code.JOB_FAILED, message, remedy, certain=False)


def _identity(item: Object) -> tuple[str, str, str]:
    """Without its namespace, which one of two manifests may leave out."""
    kind, _namespace, name = key_of(item)
    return group_of(item), kind, name
