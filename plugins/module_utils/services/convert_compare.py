# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether what an entry renders says the same as its source: fields that are lost, changed or added. Pure.

Names that only objects among themselves need (selectors, names of volumes and of ports) do not count, nor do labels
and annotations of tools, nor Kubernetes' own defaults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .convert_container import number_of
from .convert_pod import full_image, main_container
from .convert_source import Group, Object, each, groups_of, part

_LABELS = ("app.kubernetes.io/", "helm.sh/", "todo.cloud/", "app", "release", "chart", "heritage")
_ANNOTATIONS = (
    "meta.helm.sh/", "todo.cloud/", "checksum/", "kubectl.kubernetes.io/", "deployment.kubernetes.io/", "helm.sh/",
)  # fmt: skip
# Kubernetes' defaults (k8s.io/api), by the last parts of a path.
_DEFAULTS: dict[str, Any] = {
    "protocol": "TCP", "scheme": "HTTP", "imagePullPolicy": "IfNotPresent", "successThreshold": 1, "periodSeconds": 10,
    "timeoutSeconds": 1, "failureThreshold": 3, "initialDelaySeconds": 0, "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler", "terminationGracePeriodSeconds": 30, "replicas": 1, "optional": False,
    "readOnly": False, "enableServiceLinks": True, "automountServiceAccountToken": True, "minReadySeconds": 0,
    "progressDeadlineSeconds": 600, "revisionHistoryLimit": 10, "suspend": False, "concurrencyPolicy": "Allow",
    "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1, "backoffLimit": 6, "completions": 1, "parallelism": 1,
    "type": "ClusterIP", "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
    "podManagementPolicy": "OrderedReady", "allowPrivilegeEscalation": True, "readOnlyRootFilesystem": False,
    "runAsNonRoot": False, "service": "", "externalTrafficPolicy": "Cluster", "sessionAffinity": "None",
    "defaultMode": 420,
}  # fmt: skip
_MISSING = object()
_HIDDEN = ("env", "args", "command", "annotations", "data", "stringData")


@dataclass
class Comparison:
    """Paths of fields: only the source has them, both have them otherwise, only the entry has them."""

    lost: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether all that the source says is said."""
        return not self.lost and not self.changed


def compared(source: Sequence[Object], made: Sequence[Object]) -> Comparison:
    """``made``: what the entry of one service renders; ``source``: the objects that it stands for."""
    found = Comparison()
    theirs, ours = _normal(source), _normal(made)
    for key in sorted({*theirs, *ours}):
        if key not in ours:
            found.lost.append(key)
        elif key not in theirs:
            found.added.append(key)
        else:
            _compare(key, theirs[key], ours[key], found)
    return found


def source_of(objects: Sequence[Object]) -> dict[str, list[Object]]:
    """Each service with its objects."""
    return {group.name: [group.workload, *group.objects] for group in groups_of(objects)[0]}


def _compare(path: str, theirs: Any, ours: Any, found: Comparison) -> None:
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        for key in [*theirs, *(key for key in ours if key not in theirs)]:
            _compare(f"{path}.{key}", theirs.get(key, _MISSING), ours.get(key, _MISSING), found)
    elif isinstance(theirs, str) and "secretKeyRef" in (ours if isinstance(ours, Mapping) else ()):
        return  # a credential in plain text, which the entry has from a Secret
    elif theirs is _MISSING or ours is _MISSING:
        there = ours if theirs is _MISSING else theirs
        if there not in ({}, [], None, "") and _DEFAULTS.get(path.rpartition(".")[2], _MISSING) != there:
            (found.added if theirs is _MISSING else found.lost).append(path)
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for index, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            _compare(f"{path}[{index}]", one, other, found)
    elif theirs != ours:
        short = all(isinstance(one, (bool, int, str)) and len(str(one)) < 60 for one in (theirs, ours))
        hidden = any(f".{word}" in path for word in _HIDDEN)
        found.changed.append(f"{path}: {theirs} -> {ours}" if short and not hidden else path)


def _normal(objects: Sequence[Object]) -> dict[str, Any]:
    """Objects by kind, several of one kind by their place."""
    groups, _left = groups_of(objects)
    found: dict[str, Any] = {}
    ordered = sorted(objects, key=lambda item: str(part(item, "metadata").get("name", "")))
    for item in ordered:
        kind = str(item.get("kind"))
        key, number = kind, 1
        while key in found:
            number += 1
            key = f"{kind} {number}"
        group = groups[0] if groups else None
        found[key] = _object(item, group)
    return found


def _object(item: Object, group: Group | None) -> dict[str, Any]:
    metadata, kind = part(item, "metadata"), item.get("kind")
    said = {key: value for key, value in item.items() if key not in ("metadata", "status", "apiVersion", "kind")}
    found: dict[str, Any] = {
        **said,
        "labels": _kept(part(metadata, "labels"), _LABELS),
        "annotations": _kept(part(metadata, "annotations"), _ANNOTATIONS),
    }
    spec = dict(part(found, "spec"))
    container = main_container(group) if group else {}
    if item is (group and group.workload):
        spec = _workload(spec, container, str(kind))
    elif kind == "Service":
        spec["ports"] = [_service_port(port, container) for port in each(spec, "ports")]
        spec.pop("selector", None)
    elif kind == "HorizontalPodAutoscaler":
        spec = {**spec, "scaleTargetRef": part(spec, "scaleTargetRef").get("kind"), "metrics": _metrics(spec)}
    elif kind == "Ingress":
        spec = _ingress(spec, group)
    elif kind == "NetworkPolicy":
        spec = {**{key: _sorted(value) for key, value in spec.items()}, "podSelector": None}
    elif kind in ("PodDisruptionBudget", "ServiceMonitor"):
        spec.pop("selector", None)
    return {**found, "spec": spec} if spec else found


def _kept(names: Mapping[str, Any], prefixes: Sequence[str]) -> dict[str, str]:
    """Without what tools write."""
    slashes = tuple(prefix for prefix in prefixes if "/" in prefix)
    return {key: str(value) for key, value in names.items() if not key.startswith(slashes) and key not in prefixes}


def _workload(spec: Mapping[str, Any], container: Mapping[str, Any], kind: str) -> dict[str, Any]:
    found = {key: value for key, value in spec.items() if key not in ("selector", "serviceName")}
    if kind == "CronJob":
        job = dict(part(spec, "jobTemplate", "spec"))
        found["jobTemplate"] = {**job, "template": _template(part(job, "template"), container, {})}
        return found
    selector = part(spec, "selector", "matchLabels")
    found["template"] = _template(part(spec, "template"), container, selector)
    if "volumeClaimTemplates" in found:
        found["volumeClaimTemplates"] = {
            str(part(one, "metadata").get("name")): part(one, "spec") for one in each(spec, "volumeClaimTemplates")
        }
    return found


def _template(template: Object, main: Mapping[str, Any], selected: Mapping[str, Any]) -> dict[str, Any]:
    metadata, spec = part(template, "metadata"), dict(part(template, "spec"))
    volumes = {str(one.get("name")): {k: v for k, v in one.items() if k != "name"} for one in each(spec, "volumes")}
    for key in ("containers", "initContainers"):
        if key in spec:
            spec[key] = {_name(one, main): _container(one, volumes) for one in each(spec, key)}
    if spread := each(spec, "topologySpreadConstraints"):
        asked = ("labelSelector", "matchLabelKeys")
        spec["topologySpreadConstraints"] = [{k: v for k, v in one.items() if k not in asked} for one in spread]
    for key in ("volumes", "serviceAccountName", "serviceAccount"):
        spec.pop(key, None)
    if "restartPolicy" in spec and spec["restartPolicy"] == "Always":
        del spec["restartPolicy"]
    labels = {key: value for key, value in part(metadata, "labels").items() if key not in selected}
    return {
        "labels": _kept(labels, _LABELS),
        "annotations": _kept(part(metadata, "annotations"), _ANNOTATIONS),
        "spec": spec,
    }


def _name(container: Mapping[str, Any], main: Mapping[str, Any]) -> str:
    return "the service" if container.get("name") == main.get("name") else str(container.get("name"))


def _container(said: Mapping[str, Any], volumes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Ports by number, variables by name, and each folder with what is mounted there."""
    found = {key: value for key, value in said.items() if key != "name"}
    found["image"] = full_image(str(said.get("image", "")))
    found["ports"] = sorted(int(port.get("containerPort", 0)) for port in each(said, "ports"))
    found["env"] = {
        str(one.get("name")): str(one["value"]) if "value" in one else part(one, "valueFrom")
        for one in each(said, "env")
    }
    found["envFrom"] = each(said, "envFrom")
    found["volumeMounts"] = {
        str(one.get("mountPath")): {
            **{key: value for key, value in one.items() if key not in ("name", "mountPath")},
            "volume": volumes.get(str(one.get("name")), {"claim": one.get("name")}),
        }
        for one in each(said, "volumeMounts")
    }
    for kind in ("startup", "liveness", "readiness"):
        if probe := part(said, f"{kind}Probe"):
            found[f"{kind}Probe"] = {key: _asked(value, said) for key, value in probe.items()}
    resources = part(said, "resources")
    found["resources"] = {key: {k: str(v) for k, v in part(resources, key).items()} for key in ("requests", "limits")}
    return found


def _asked(value: Any, container: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping) and "port" in value:
        return {**value, "port": number_of(value["port"], container) or value["port"]}
    return value


def _service_port(port: Mapping[str, Any], container: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in port.items() if key != "name"}
    target = port.get("targetPort", port.get("port"))
    return {**found, "targetPort": number_of(target, container) or target}


def _metrics(spec: Mapping[str, Any]) -> list[Any]:
    """A metric of the pod and of its only container are the same where they are asked alike."""
    found = []
    for metric in each(spec, "metrics"):
        own = {**part(metric, "resource"), **part(metric, "containerResource")}
        own.pop("container", None)
        found.append(own or dict(metric))
    return found


def _ingress(spec: Mapping[str, Any], group: Group | None) -> dict[str, Any]:
    names = {str(part(service, "metadata").get("name")) for service in (group.services if group else ())}
    rules = {}
    for rule in each(spec, "rules"):
        for path in each(part(rule, "http"), "paths"):
            service = part(path, "backend", "service")
            own = service.get("name") in names
            rules[f"{rule.get('host', '')}{path.get('path') or '/'}"] = {
                "pathType": path.get("pathType"),
                "backend": "the service" if own else service,
            }
    tls = {host: one.get("secretName") for one in each(spec, "tls") for host in one.get("hosts") or ()}
    return {"ingressClassName": spec.get("ingressClassName"), "rules": rules, "tls": tls}


def _sorted(value: Any) -> Any:
    """Lists of names in one order, in whatever is around them."""
    if isinstance(value, Mapping):
        return {key: _sorted(one) for key, one in value.items()}
    if isinstance(value, list):
        return (
            sorted(value, key=str) if all(isinstance(one, (str, int)) for one in value) else [_sorted(v) for v in value]
        )
    return value
