# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pods of a service as values of charts/service, the other way round: from its template to the values. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .convert_container import Container, container_values, env_values
from .convert_source import Group, Notes, each, name_of, part
from .convert_volumes import volume_values

Credential = Callable[[str, str], bool]
_FIELDS = ("nodeSelector", "tolerations", "affinity", "priorityClassName")
_STANDARD_LABELS = ("app.kubernetes.io/", "helm.sh/", "todo.cloud/")
_RESOURCES = {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"cpu": "500m", "memory": "192Mi"}}
_SLEEP = 5  # of charts/service, before SIGTERM
# Annotations of a sidecar that charts/service sets by itself.
_BY_CHART = {
    "dapr.io/sidecar-liveness-probe-timeout-seconds": "5",
    "dapr.io/sidecar-liveness-probe-threshold": "20",
    "dapr.io/disable-builtin-k8s-secret-store": "true",
    "dapr.io/volume-mounts": "dapr-kube-api-access:/var/run/secrets/kubernetes.io/serviceaccount",
}


def main_container(group: Group) -> Mapping[str, Any]:
    """The container that is the service; the others are beside it."""
    containers = [one for one in each(part(group.template, "spec"), "containers") if one.get("name") != "daprd"]
    named = [one for one in containers if one.get("name") in (group.name, name_of(group.workload))]
    targets = {port.get("targetPort") for service in group.services for port in each(part(service, "spec"), "ports")}
    asked = [
        one for one in containers if {p.get("name") or p.get("containerPort") for p in each(one, "ports")} & targets
    ]
    return next(iter([*named, *asked, *containers]), {})


def pod_values(group: Group, port: int, notes: Notes, is_credential: Credential) -> dict[str, Any]:
    """What the template says, as values of charts/service."""
    spec, container = part(group.template, "spec"), main_container(group)
    main = Container(container, port, group, notes, is_credential)
    runs_once = group.workload["kind"] in ("Job", "CronJob")
    values: dict[str, Any] = {
        "image": full_image(str(container.get("image", ""))),
        **main.command(),
        "security": _security(spec, container),
        **env_values(main),
        **volume_values(group, container, notes),
        **main.probes(),
        "resources": main.resources(_RESOURCES),
        **_lifecycle(container, group.own, runs_once),
    }
    if container.get("imagePullPolicy", "IfNotPresent") != "IfNotPresent":
        values["imagePullPolicy"] = container["imagePullPolicy"]
    values["imagePullSecrets"] = [str(one.get("name")) for one in each(spec, "imagePullSecrets")]
    if "terminationGracePeriodSeconds" in spec:
        values["terminationGracePeriodSeconds"] = spec["terminationGracePeriodSeconds"]
    values.update({key: spec[key] for key in _FIELDS if spec.get(key)})
    if not runs_once and (group.own or "topologySpreadConstraints" in spec):
        values["topologySpread"] = [
            {key: value for key, value in one.items() if key not in ("labelSelector", "matchLabelKeys")}
            for one in each(spec, "topologySpreadConstraints")
        ]
    for key, theirs in (("initContainers", each(spec, "initContainers")), ("containers", _beside(spec, container))):
        if theirs:
            values[key] = [container_values(one, main, _RESOURCES) for one in theirs]
    return values | _metadata(group, values)


def _beside(spec: Mapping[str, Any], container: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in each(spec, "containers") if one is not container and one.get("name") != "daprd"]


def full_image(image: str) -> str:
    """An image as a container runtime reads it, with its registry: ``nginx:1`` is ``docker.io/library/nginx:1``."""
    first, slash, _rest = image.partition("/")
    if not slash:
        return f"docker.io/library/{image}"
    return image if "." in first or ":" in first or first == "localhost" else f"docker.io/{image}"


def _security(spec: Mapping[str, Any], container: Mapping[str, Any]) -> dict[str, Any]:
    pod, own = part(spec, "securityContext"), part(container, "securityContext")
    user = own.get("runAsUser", pod.get("runAsUser", "image"))
    found: dict[str, Any] = {"user": user, "readOnlyRoot": bool(own.get("readOnlyRootFilesystem", False))}
    for key, asked in (("group", own.get("runAsGroup", pod.get("runAsGroup"))), ("fsGroup", pod.get("fsGroup"))):
        if asked is not None and asked != user:
            found[key] = asked
    added = part(own, "capabilities").get("add")
    return {**found, "capabilities": list(added)} if added else found


def _lifecycle(container: Mapping[str, Any], own: bool, runs_once: bool) -> dict[str, Any]:
    lifecycle = dict(part(container, "lifecycle"))
    sleep = part(lifecycle, "preStop", "sleep").get("seconds")
    if sleep is not None:
        del lifecycle["preStop"]
        found: dict[str, Any] = {"preStopSleepSeconds": sleep} if sleep != _SLEEP else {}
    else:
        found = {"preStopSleepSeconds": 0} if own and not runs_once and "preStop" not in lifecycle else {}
    return {**found, "lifecycle": lifecycle} if lifecycle else found


def _metadata(group: Group, values: Mapping[str, Any]) -> dict[str, Any]:
    metadata = part(group.template, "metadata")
    annotations = {key: str(value) for key, value in part(metadata, "annotations").items()}
    dapr = {key: value for key, value in annotations.items() if key.startswith("dapr.io/")}
    found: dict[str, Any] = {}
    selected = _selected(group)
    labels = {
        key: str(value)
        for key, value in part(metadata, "labels").items()
        if not key.startswith(_STANDARD_LABELS) and key not in selected
    }
    if labels:
        found["podLabels"] = labels
    others = {key: value for key, value in annotations.items() if key not in dapr and not _is_ours(key)}
    if others:
        found["podAnnotations"] = others
    if dapr.get("dapr.io/enabled") == "true":
        drain = f"{values.get('preStopSleepSeconds', _SLEEP) + 5}s"
        by_chart = {**_BY_CHART, "dapr.io/block-shutdown-duration": drain}
        found["dapr"] = {"annotations": {key: value for key, value in dapr.items() if by_chart.get(key) != value}}
    access = [key.rpartition("access-")[2] for key in part(metadata, "labels") if key.startswith("todo.cloud/access-")]
    return {**found, "networkPolicy": {"access": sorted(access)}} if access else found


def _is_ours(annotation: str) -> bool:
    """What changes by itself, or follows: a checksum of a configuration, a restart by kubectl."""
    return annotation.startswith(("todo.cloud/", "checksum/", "kubectl.kubernetes.io/"))


def _selected(group: Group) -> set[str]:
    """Labels by which something selects the pods; an entry has its own."""
    selectors = [part(group.workload, "spec", "selector", "matchLabels")]
    selectors += [part(service, "spec", "selector") for service in group.of("Service")]
    return {key for selector in selectors for key in selector}
