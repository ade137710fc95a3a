# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who wrote which field of an object, from ``metadata.managedFields``; pure.

Paths of fields look like ``spec.template.spec.containers[app].image``,
``metadata.annotations[todo.cloud/watched]``. Format of managedFields: Kubernetes API, FieldsV1
(sigs.k8s.io/structured-merge-diff).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..parsing import read_json

# Keys by which the API identifies entries of a list, most specific first (x-kubernetes-list-map-keys).
_KEYS = ("name", "containerPort", "port", "mountPath", "devicePath", "topologyKey", "type", "uid", "ip", "key")
_PLAIN = re.compile(r"^[A-Za-z0-9_-]+$")
_PARTS = re.compile(r"\[[^\]]*\]|\.?[^.\[\]]+")

# Controllers that keep writing into objects of others; their writes are not changes by a person.
_CONTROLLERS = frozenset(
    {
        "kube-controller-manager", "kube-scheduler", "kubelet", "kube-apiserver", "kube-proxy",
        "cloud-controller-manager", "cluster-autoscaler", "coredns", "cainjector", "external-dns", "todo.cloud",
        "operator", "sentry", "injector", "placement",  # Dapr's own programs
    }
)  # fmt: skip
_CONTROLLER_NAME = re.compile(
    r"^(cert-manager|vpa-|csi-|traefik|nginx-ingress|.*provisioner)"
    r"|(^|[-_.])(controller|controller-manager|operator|manager|webhook|autoscaler)$"
)
# Controllers that hold an object back, or own it, write these.
HOLDS = ("metadata.finalizers", "metadata.ownerReferences")
# Written by ``kubectl rollout restart`` and others: an act, not another state that is asked for.
RESTARTED = "spec.template.metadata.annotations[kubectl.kubernetes.io/restartedAt]"


@dataclass(frozen=True)
class Writer:
    """One manager's part of an object. ``time``: when it last wrote, RFC 3339, by the API server's clock."""

    manager: str
    time: str
    paths: frozenset[str]
    subresource: str = ""
    applied: bool = False  # by server-side apply

    @property
    def is_helm(self) -> bool:
        """Whether it is Helm, whoever called it."""
        return self.manager.startswith("helm")

    @property
    def is_controller(self) -> bool:
        """Whether it is a part of Kubernetes, or a controller that is known to write into objects of others."""
        return self.manager in _CONTROLLERS or bool(_CONTROLLER_NAME.search(self.manager))

    @property
    def described(self) -> str:
        """Text for people."""
        return f"{self.manager}, {self.time}" if self.time else self.manager

    def owns(self, path: str) -> bool:
        """Whether it owns the field or a parent of it."""
        return path in self.paths or any(path.startswith((f"{p}.", f"{p}[")) for p in self.paths)


def writers_of(obj: Mapping[str, Any]) -> list[Writer]:
    """All managers of an object, the most recent first."""
    found = []
    for entry in (obj.get("metadata") or {}).get("managedFields") or ():
        paths = frozenset(_owned(entry.get("fieldsV1") or {}, ""))
        applied = entry.get("operation") == "Apply"
        found.append(
            Writer(
                str(entry.get("manager")),
                str(entry.get("time") or ""),
                paths,
                entry.get("subresource") or "",
                applied,
            )
        )
    return sorted(found, key=lambda w: w.time, reverse=True)


def controllers_of(writers: Iterable[Writer]) -> frozenset[str]:
    """The managers of an object that are controllers. Whoever writes an object's status controls it, unless it is
    kubectl.
    """
    return frozenset(
        writer.manager
        for writer in writers
        if writer.is_controller
        or (writer.subresource == "status" and not writer.is_helm and not writer.manager.startswith("kubectl"))
    )


def owners(writers: Iterable[Writer], path: str) -> list[Writer]:
    """The writers that own a field."""
    return [writer for writer in writers if writer.owns(path)]


def leaves(node: Any, path: str = "") -> dict[str, Any]:
    """Every leaf field of an object, by its path."""
    if isinstance(node, Mapping) and node:
        return {p: v for key, value in node.items() for p, v in leaves(value, step(path, str(key))).items()}
    if isinstance(node, list) and (by := _key_of(node)):
        return {p: v for item in node for p, v in leaves(item, f"{path}[{item[by]}]").items()}
    return {path: node}


def parts_of(path: str) -> list[str]:
    """The parts of a path, each with its dot or brackets; joined they are the path."""
    return _PARTS.findall(path)


def scaled_by(objects: Iterable[Mapping[str, Any]]) -> frozenset[tuple[str, str]]:
    """(kind, name) of the objects that autoscalers among ``objects`` scale: they own its ``spec.replicas``.

    HorizontalPodAutoscalers, and what is built on them (KEDA's ScaledObjects, whose kind may be left out).
    """
    refs = [spec.get("scaleTargetRef") for item in objects if isinstance(spec := item.get("spec"), Mapping)]
    return frozenset((str(ref.get("kind") or "Deployment"), str(ref.get("name"))) for ref in refs if ref)


def step(path: str, key: str) -> str:
    """The path of a field one level down."""
    if not path:
        return key
    return f"{path}.{key}" if _PLAIN.match(key) else f"{path}[{key}]"


def _key_of(items: Sequence[Any]) -> str:
    if not items or not all(isinstance(item, Mapping) for item in items):
        return ""
    for key in _KEYS:
        values = [item.get(key) for item in items]
        if None not in values and len(set(map(str, values))) == len(items):
            return key
    return ""


def _owned(node: Mapping[str, Any], path: str) -> Iterator[str]:
    for segment, below in node.items():
        kind, rest = segment.split(":", 1) if ":" in segment else (segment, "")
        if kind in ("f", "k"):
            inner = step(path, rest) if kind == "f" else f"{path}[{_describe_key(rest)}]"
            yield from _owned(below, inner) if below else (inner,)
        elif kind != "." or len(node) == 1:  # "." is the field itself; "v:" and "i:" are entries of one field here
            yield path


def _describe_key(text: str) -> Any:
    keys = read_json(text)
    return next((keys[key] for key in _KEYS if key in keys), text)
