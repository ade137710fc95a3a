# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What rendered objects need that must be there before their pods start, and what they bring along; pure.

Fields as in the Kubernetes API reference (PodSpec, EnvFromSource, Volume). A manifest comes from a chart, so that
nothing about its types is taken for granted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..helm.manifest import key_of
from ..kube.resources import CONFIG_MAP, PVC, SECRET, SERVICE_ACCOUNT
from ..readiness.daprd import enabled
from ..readiness.rules import group_of
from ..readiness.templates import Object, Template, items, mapping

CONFIGURATION = "Configuration"
PRIORITY_CLASS = "PriorityClass"
RUNTIME_CLASS = "RuntimeClass"
_CLUSTER_WIDE = (PRIORITY_CLASS, RUNTIME_CLASS)
_BUILT_IN = ("", "apps", "batch", "autoscaling", "policy", "extensions", "dapr.io")
_DATA = ("data", "stringData", "binaryData")


@dataclass(frozen=True, order=True)
class Need:
    """An object, or one key of it, that pods of ``by`` can't start without."""

    kind: str
    name: str
    key: str
    by: str
    certain: bool = True  # False: pods may start without it

    @property
    def label(self) -> str:
        """For people."""
        return f"key {self.key!r} of {self.kind} {self.name!r}" if self.key else f"{self.kind} {self.name!r}"


def label_of(item: Object) -> str:
    """``Deployment api``."""
    kind, _namespace, name = key_of(item)
    return f"{kind} {name}"


def images_of(template: Template) -> set[str]:
    """Images of all containers."""
    containers = [*items(template.spec.get("initContainers")), *items(template.spec.get("containers"))]
    return {str(container["image"]) for container in containers if container.get("image")}


def needs_of(template: Template) -> list[Need]:
    """What the kubelet and Dapr's injector look up for these pods; optional references are none."""
    found = {Need(kind, name, key, template.owner) for kind, name, key in _references(template) if name}
    # Without them the kubelet pulls as nobody, which may do.
    pulls = {str(each.get("name") or "") for each in items(template.spec.get("imagePullSecrets"))}
    found |= {Need(SECRET.kind, name, "", template.owner, certain=False) for name in pulls if name}
    return sorted(found)


def needs_of_component(item: Object) -> list[Need]:
    """Secrets that a Dapr component reads from Kubernetes; the sidecars of its scopes do not start without them."""
    if group_of(item) != "dapr.io" or item.get("kind") != "Component":
        return []
    if str(mapping(item.get("auth")).get("secretStore") or "kubernetes") != "kubernetes":
        return []
    ignores = mapping(item.get("spec")).get("ignoreErrors") is True
    refs = [mapping(each.get("secretKeyRef")) for each in items(mapping(item.get("spec")).get("metadata"))]
    found = {(str(ref.get("name") or ""), str(ref.get("key") or ref.get("name") or "")) for ref in refs}
    return sorted(Need(SECRET.kind, name, key, label_of(item), not ignores) for name, key in found if name)


def _references(template: Template) -> Iterator[tuple[str, str, str]]:
    spec = template.spec
    for container in [*items(spec.get("initContainers")), *items(spec.get("containers"))]:
        for variable in items(container.get("env")):
            source = mapping(variable.get("valueFrom"))
            yield from _reference(SECRET.kind, source.get("secretKeyRef"), "name", with_key=True)
            yield from _reference(CONFIG_MAP.kind, source.get("configMapKeyRef"), "name", with_key=True)
        for source in items(container.get("envFrom")):
            yield from _reference(SECRET.kind, source.get("secretRef"), "name")
            yield from _reference(CONFIG_MAP.kind, source.get("configMapRef"), "name")
    for volume in items(spec.get("volumes")):
        yield from _files(SECRET.kind, volume.get("secret"), "secretName")
        yield from _files(CONFIG_MAP.kind, volume.get("configMap"), "name")
        yield from _reference(PVC.kind, volume.get("persistentVolumeClaim"), "claimName")
        for source in items(mapping(volume.get("projected")).get("sources")):
            yield from _files(SECRET.kind, source.get("secret"), "name")
            yield from _files(CONFIG_MAP.kind, source.get("configMap"), "name")
    account = str(spec.get("serviceAccountName") or spec.get("serviceAccount") or "")
    if account != "default":
        yield SERVICE_ACCOUNT.kind, account, ""
    yield PRIORITY_CLASS, str(spec.get("priorityClassName") or ""), ""
    yield RUNTIME_CLASS, str(spec.get("runtimeClassName") or ""), ""
    if enabled(template.annotations):
        yield CONFIGURATION, str(template.annotations.get("dapr.io/config") or ""), ""


def _reference(kind: str, source: Any, field: str, *, with_key: bool = False) -> Iterator[tuple[str, str, str]]:
    found = mapping(source)
    if found.get("optional") is not True:
        yield kind, str(found.get(field) or ""), str(found.get("key") or "") if with_key else ""


def _files(kind: str, source: Any, field: str) -> Iterator[tuple[str, str, str]]:
    found = mapping(source)
    if found.get("optional") is True:
        return
    keys = [str(each.get("key") or "") for each in items(found.get("items"))]
    for key in keys or [""]:
        yield kind, str(found.get(field) or ""), key


@dataclass(frozen=True)
class Provided:
    """What a run brings along itself: objects with their keys; and whether something else may come of them."""

    objects: Mapping[tuple[str, str, str], frozenset[str]]  # (kind, namespace or "", name) -> keys
    kinds: frozenset[tuple[str, str]]  # (group, kind) of rendered CRDs
    by_others: bool  # controllers of custom resources, or hooks, may make Secrets and ConfigMaps of their own

    def has(self, need: Need, namespace: str) -> bool:
        """Whether it is among the objects, with its key."""
        keys = self.objects.get((need.kind, "" if need.kind in _CLUSTER_WIDE else namespace, need.name))
        return keys is not None and (not need.key or need.key in keys)


def provided(objects: Iterable[Object], namespace: str, *, hooks: bool) -> Provided:
    """What these rendered objects bring along."""
    found: dict[tuple[str, str, str], frozenset[str]] = {}
    listed, custom = list(objects), hooks
    for item in listed:
        kind, own, name = key_of(item)
        where = "" if kind in _CLUSTER_WIDE else own or namespace
        found[kind, where, name] = frozenset(str(k) for field in _DATA for k in mapping(item.get(field)))
        custom = custom or is_custom(item)
    return Provided(found, kinds_of(listed), custom)


def kinds_of(objects: Iterable[Object]) -> frozenset[tuple[str, str]]:
    """(group, kind) of the CRDs among these objects."""
    specs = [mapping(each.get("spec")) for each in objects if each.get("kind") == "CustomResourceDefinition"]
    return frozenset((str(s.get("group") or ""), str(mapping(s.get("names")).get("kind") or "")) for s in specs)


def is_custom(item: Object) -> bool:
    """A kind that some operator acts on: not Kubernetes' own, and not Dapr's."""
    group = group_of(item)
    return group not in _BUILT_IN and not (group.endswith(".k8s.io") and not group.startswith("gateway."))
