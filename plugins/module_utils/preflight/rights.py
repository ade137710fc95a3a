# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rights that a deployment needs and that no dry run tries: to read and delete what it writes, to keep Helm's history,
the lock and the record, to watch pods.

One request lists what the credentials may do (SelfSubjectRulesReview). It names no rights that an authorizer other than
RBAC gives, so what it lacks is asked for one by one (SelfSubjectAccessReview).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from ..failure import Code
from ..helm.manifest import key_of, objects_of
from ..kube.api import KubeApi
from ..kube.deadline import Deadline
from ..kube.errors import KubeError, NotFound, Unreachable
from ..kube.resources import CONFIG_MAP, LEASE, POD, SECRET, Resource
from ..readiness.templates import Object, items, mapping
from .problem import Problem

_GROUP = "authorization.k8s.io/v1"
_RULES = Resource(_GROUP, "SelfSubjectRulesReview", "selfsubjectrulesreviews", namespaced=False)
_ACCESS = Resource(_GROUP, "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False)
_OF_EVERY_RUN: Mapping[Resource, Sequence[str]] = {
    SECRET: ("create", "update", "delete"),  # Helm's history
    CONFIG_MAP: ("create", "patch", "delete"),  # release sets
    LEASE: ("get", "create", "update"),  # the lock
    POD: ("list", "watch"),
}
_OF_OBJECTS, _OF_HOOKS = ("get", "delete"), ("get", "create", "delete")
_LATER = frozenset({"delete", "patch"})  # when something goes, or a set is withdrawn
_EVERYTHING: Object = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
_SECONDS = 5.0  # for one review
_SIDE_BY_SIDE = 8


class Lack(NamedTuple):
    """Rights that are missing for one kind."""

    release: str
    resource: Resource
    namespace: str
    verbs: tuple[str, ...]

    @property
    def problem(self) -> Problem:
        """With its remedy."""
        verbs = " and ".join(filter(None, (", ".join(self.verbs[:-1]), self.verbs[-1])))
        where = f" in namespace {self.namespace}" if self.namespace else ""
        message = f"the credentials may not {verbs} {self.resource.label}{where}"
        certain = not _LATER.issuperset(self.verbs)
        return Problem(self.release, Code.FORBIDDEN, message, f"give them {verbs} for it", certain)


def lacking(
    kube: KubeApi,
    who: str,
    namespace: str,
    objects: Mapping[str, Iterable[Object]],
    hooks: Mapping[str, Iterable[str]],
) -> list[Lack]:
    """``who``: the name for what every run needs; ``objects``, ``hooks``: by release."""
    wanted: dict[tuple[Resource, str], dict[str, str]] = {}  # verb -> the first that needs it

    def want(name: str, resource: Resource, where: str, verbs: Iterable[str]) -> None:
        for verb in verbs:
            wanted.setdefault((resource, where), {}).setdefault(verb, name)

    for resource, verbs in _OF_EVERY_RUN.items():
        want(who, resource, namespace, verbs)
    for release, listed in objects.items():
        for resource, where in _kinds(kube, listed, namespace):
            want(release, resource, where, _OF_OBJECTS)
    for release, texts in hooks.items():
        for resource, where in _kinds(kube, [item for text in texts for item in objects_of(text)], namespace):
            want(release, resource, where, _OF_HOOKS)
    rules = {where: _rules(kube, where) for where in {where or namespace for _resource, where in wanted}}
    asked = [
        (resource, where, verb)
        for (resource, where), verbs in wanted.items()
        for verb in verbs
        if not any(_grants(rule, resource, verb) for rule in rules[where or namespace])
    ]
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        answers = pool.map(lambda each: _is_denied(kube, *each), asked)
        denied = [each for each, no in zip(asked, answers, strict=True) if no]
    found: dict[tuple[str, Resource, str], list[str]] = {}
    for resource, where, verb in denied:
        found.setdefault((wanted[resource, where][verb], resource, where), []).append(verb)
    return [Lack(*key, tuple(verbs)) for key, verbs in found.items()]


def _kinds(kube: KubeApi, listed: Iterable[Object], namespace: str) -> Iterator[tuple[Resource, str]]:
    for item in listed:
        kind, own, _name = key_of(item)
        try:
            resource = kube.resource(str(item.get("apiVersion") or ""), kind)
        except NotFound:  # the dry run says so
            continue
        yield resource, (own or namespace) if resource.namespaced else ""


def _rules(kube: KubeApi, namespace: str) -> list[Object]:
    """None where they can't be asked for: each right is asked for then, unless a webhook is in the way of that too."""
    body = {"apiVersion": _GROUP, "kind": _RULES.kind, "spec": {"namespace": namespace}}
    try:
        return list(items(mapping(kube.create(_RULES, "", body, deadline=_soon()).get("status")).get("resourceRules")))
    except Unreachable:
        return [_EVERYTHING]
    except KubeError:
        return []


def _soon() -> Deadline:
    return Deadline.after(_SECONDS)


def _grants(rule: Object, resource: Resource, verb: str) -> bool:
    """Whether a rule is about all objects of a kind, and allows a verb."""
    parts = (("verbs", verb), ("apiGroups", resource.group), ("resources", resource.plural))
    return not rule.get("resourceNames") and all({value, "*"} & {*(rule.get(key) or ())} for key, value in parts)


def _is_denied(kube: KubeApi, resource: Resource, namespace: str, verb: str) -> bool:
    asked = {"group": resource.group, "resource": resource.plural, "verb": verb, "namespace": namespace}
    body = {"apiVersion": _GROUP, "kind": _ACCESS.kind, "spec": {"resourceAttributes": asked}}
    try:
        return mapping(kube.create(_ACCESS, "", body, deadline=_soon()).get("status")).get("allowed") is not True
    except KubeError:
        return False
