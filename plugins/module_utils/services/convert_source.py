# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects of a chart or of raw YAML, put together by service: a workload and all that belongs to it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..helm.manifest import hook_of
from ..parsing import Malformed, quoted

Object = Mapping[str, Any]
WORKLOADS = ("Deployment", "StatefulSet", "CronJob", "Job")
OWN_CHART = "service-"  # what helm.sh/chart begins with, in objects of charts/service
_UNFIT = re.compile(r"[^a-z0-9-]+")
_LONGEST = 52


@dataclass
class Group:
    """A service. ``own``: rendered by charts/service, so what it lacks was said to be lacking."""

    name: str
    workload: Object
    own: bool = False
    objects: list[Object] = field(default_factory=list)

    def of(self, *kinds: str) -> list[Object]:
        """Its objects of some kinds."""
        return [item for item in self.objects if item.get("kind") in kinds]

    @property
    def base(self) -> str:
        """What its objects are named after: the release, or the workload."""
        labels = part(self.workload, "metadata", "labels")
        return str(labels.get("app.kubernetes.io/instance")) if self.own else name_of(self.workload)

    @property
    def template(self) -> Object:
        """The template of its pods."""
        return template_of(self.workload)

    @property
    def services(self) -> list[Object]:
        """Its Services; a headless one of a StatefulSet is none of them where there is another."""
        found = self.of("Service")
        asked = [item for item in found if part(item, "spec").get("clusterIP") != "None"]
        return asked or found


@dataclass
class Notes:
    """What an entry cannot say, and which Secrets have to be made: names of Secrets, each with its keys."""

    unsaid: list[str] = field(default_factory=list)
    secrets: dict[str, list[str]] = field(default_factory=dict)

    def say(self, sentence: str) -> None:
        """Once."""
        if sentence not in self.unsaid:
            self.unsaid.append(sentence)

    def secret(self, name: str, key: str) -> None:
        """A key of a Secret that has to be there."""
        keys = self.secrets.setdefault(name, [])
        if key not in keys:
            keys.append(key)


@contextmanager
def reading(title: str) -> Iterator[None]:
    """What is within was made by somebody, and may be anything. Raises Malformed."""
    try:
        yield
    except Malformed:
        raise
    except (AttributeError, TypeError, LookupError, ValueError, ArithmeticError, RecursionError) as exc:
        raise Malformed(f"{quoted(title)} has a field of another type than it has to be") from exc


def part(item: Any, *keys: str) -> Mapping[str, Any]:
    """A section of an object; empty when it is none."""
    for key in keys:
        item = item.get(key) if isinstance(item, Mapping) else None
    return item if isinstance(item, Mapping) else {}


def each(item: Any, key: str) -> list[Mapping[str, Any]]:
    """The dictionaries of a list."""
    found = item.get(key) if isinstance(item, Mapping) else None
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def name_of(item: Object) -> str:
    return str(part(item, "metadata").get("name") or "")


def title_of(item: Object) -> str:
    """Kind and name, for people."""
    return f"{item.get('kind')} {name_of(item)}"


def template_of(workload: Object) -> Object:
    spec = part(workload, "spec")
    if workload.get("kind") == "CronJob":
        spec = part(spec, "jobTemplate", "spec")
    return part(spec, "template")


def groups_of(objects: Iterable[Object]) -> tuple[list[Group], list[Object]]:
    """The services, and the objects that belong to none; hooks of Helm are neither."""
    rest, groups = [], []
    for item in (one for one in objects if hook_of(one) is None):
        if item.get("kind") in WORKLOADS:
            groups.append(Group(name_of(item), item, _is_own(item)))
        else:
            rest.append(item)
    left: list[Object] = []
    for item in sorted(rest, key=lambda one: one.get("kind") in ("Ingress", "HTTPRoute", "ServiceMonitor")):
        owner = next((group for group in groups if _belongs(item, group)), None)
        (left if owner is None else owner.objects).append(item)
    taken: set[str] = set()
    for group in groups:
        group.name = _name(group, taken)
        taken.add(group.name)
    return groups, left


def _is_own(workload: Object) -> bool:
    return str(part(workload, "metadata", "labels").get("helm.sh/chart", "")).startswith(OWN_CHART)


def _name(group: Group, taken: set[str]) -> str:
    """What others call it by in DNS is its name, so that of its Service goes before that of the workload."""
    services = [name_of(item) for item in group.services]
    names = [*(services if len(services) == 1 and not group.own else ()), group.base]
    for name in names:
        fit = _UNFIT.sub("-", name.lower())[:_LONGEST].strip("-").lstrip("-0123456789")
        if fit and fit not in taken:
            return fit
    return f"service-{len(taken) + 1}"


def _belongs(item: Object, group: Group) -> bool:
    kind, name = item.get("kind"), name_of(item)
    labels, spec = part(group.template, "metadata", "labels"), part(item, "spec")
    if kind == "Service":
        return selects(part(spec, "selector"), labels)
    if kind in ("PodDisruptionBudget", "NetworkPolicy"):
        selector = part(spec, "selector" if kind == "PodDisruptionBudget" else "podSelector")
        return "matchExpressions" not in selector and selects(part(selector, "matchLabels"), labels)
    if kind in ("HorizontalPodAutoscaler", "ScaledObject"):
        target = part(spec, "scaleTargetRef")
        return target.get("name") == name_of(group.workload) and target.get("kind") in (None, group.workload["kind"])
    if kind == "ServiceAccount":
        return name == part(group.template, "spec").get("serviceAccountName")
    if kind in ("Ingress", "HTTPRoute"):
        names = {name_of(service) for service in group.services}
        return next(backends(item), None) in names or (group.own and name.startswith(f"{group.base}-"))
    if kind == "ServiceMonitor":
        selector = part(spec, "selector", "matchLabels")
        return any(selects(selector, part(service, "metadata", "labels")) for service in group.services)
    own = ("Role", "RoleBinding", "Middleware")
    return group.own and kind in own and name in (group.base, f"{group.base}-https")


def selects(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Whether ``matchLabels`` choose pods with these labels; an empty selector chooses none here."""
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def backends(item: Object) -> Iterator[str]:
    """Names of the Services behind an Ingress or HTTPRoute."""
    for rule in each(part(item, "spec"), "rules"):
        for path in each(part(rule, "http"), "paths"):
            yield str(part(path, "backend", "service").get("name") or "")
        for backend in each(rule, "backendRefs"):
            yield str(backend.get("name") or "")
