# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether requests would arrive: Services that select no pods or name a port that their pods do not, and routes to
Services that are not there; and whether an autoscaler has what it scales. Pods are ready all the same, so that no
verdict tells of it.

Fields as in the Kubernetes API reference (ServiceSpec, IngressSpec) and the Gateway API's (HTTPRouteSpec, v1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..failure import Code
from ..helm.manifest import key_of
from ..kube.api import KubeReader
from ..kube.errors import Forbidden
from ..kube.resources import POD, SERVICE, WELL_KNOWN
from ..readiness.rules import group_of
from ..readiness.templates import Object, Template, items, mapping, template_of
from .needs import Provided, is_custom, label_of
from .problem import Problem


def routes(
    kube: KubeReader, namespace: str, rendered: Mapping[str, Sequence[Object]], brought: Provided
) -> Iterator[Problem]:
    """Told, since what is missing may come from elsewhere. ``rendered``: objects by release, ``brought``: with
    all else that the run brings. The cluster is asked only about what is not among them.
    """
    everything = [item for listed in rendered.values() for item in listed]
    templates = [t for item in everything if (t := template_of(item, namespace)) and t.spec]
    services = {
        (key_of(item)[1] or namespace, key_of(item)[2]): item for item in everything if _is(item, "", "Service")
    }
    for release, listed in rendered.items():
        for item in listed:
            where = key_of(item)[1] or namespace
            if _is(item, "", "Service"):
                yield from _service(kube, release, item, where, templates, listed)
            if item.get("kind") == "HorizontalPodAutoscaler":
                yield from _scaled(kube, release, item, where, brought)
            for name, port in _backends(item):
                yield from _backend(kube, release, item, where, (name, port), services)


def _service(
    kube: KubeReader, release: str, item: Object, where: str, templates: Sequence[Template], beside: Sequence[Object]
) -> Iterator[Problem]:
    spec = mapping(item.get("spec"))
    selector = {str(key): str(value) for key, value in mapping(spec.get("selector")).items()}
    if not selector or spec.get("type") == "ExternalName":
        return
    here = [template for template in templates if template.namespace == where]
    chosen = [t for t in here if all(str(t.labels.get(key)) == value for key, value in selector.items())]
    if not chosen:
        words = ",".join(f"{key}={value}" for key, value in selector.items())
        by_an_operator = any(is_custom(each) for each in beside) and not any(
            selector.keys() <= t.labels.keys() for t in here
        )
        if not by_an_operator and not _has_pods(kube, where, words):
            message = f"{label_of(item)} selects no pods: none of this deployment and none of the namespace has {words}"
            yield Problem(
                release, Code.NOT_FOUND, message, "correct its selector, or the labels of the pods", certain=False
            )
        return
    names = {str(port.get("name")) for template in chosen for port in _container_ports(template)}
    for port in items(spec.get("ports")):
        target = port.get("targetPort")
        if isinstance(target, str) and not target.isdigit() and target not in names:
            message = (
                f"{label_of(item)} sends its port {port.get('port')} to port {target!r}, which its pods do not name"
            )
            known = ", ".join(sorted(names)) or "none"
            yield Problem(
                release, Code.NOT_FOUND, message, f"correct its targetPort (they name: {known})", certain=False
            )


def _backend(
    kube: KubeReader,
    release: str,
    item: Object,
    where: str,
    backend: tuple[str, object],
    services: Mapping[tuple[str, str], Object],
) -> Iterator[Problem]:
    name, port = backend
    try:
        service = services.get((where, name)) or kube.find(SERVICE, where, name)
    except Forbidden:
        return
    if service is None:
        message = f"{label_of(item)} sends requests to Service {name!r}, which is not there"
        yield Problem(release, Code.NOT_FOUND, message, "correct the name, or add the Service", certain=False)
        return
    ports = list(items(mapping(service.get("spec")).get("ports")))
    if port is not None and port not in [each.get(key) for each in ports for key in ("port", "name")]:
        known = ", ".join(str(each.get("name") or each.get("port")) for each in ports) or "none"
        message = f"{label_of(item)} sends requests to port {port} of Service {name}, which it does not have"
        yield Problem(release, Code.NOT_FOUND, message, f"correct the port (it has: {known})", certain=False)


def _scaled(kube: KubeReader, release: str, item: Object, where: str, brought: Provided) -> Iterator[Problem]:
    target = mapping(mapping(item.get("spec")).get("scaleTargetRef"))
    kind, name = str(target.get("kind")), str(target.get("name"))
    resource = WELL_KNOWN.get((str(target.get("apiVersion")), kind))
    if resource is None or (kind, where, name) in brought.objects:
        return
    try:
        live = kube.find(resource, where, name)
    except Forbidden:
        return
    if live is None:
        message = f"{label_of(item)} scales {kind} {name!r}, which is not there"
        yield Problem(release, Code.NOT_FOUND, message, "correct its scaleTargetRef", certain=False)


def _backends(item: Object) -> Iterator[tuple[str, object]]:
    """Services of the same namespace that a route names, with the port, a number or a name; None: unknown."""
    spec = mapping(item.get("spec"))
    if _is(item, "networking.k8s.io", "Ingress"):
        paths = [p for rule in items(spec.get("rules")) for p in items(mapping(rule.get("http")).get("paths"))]
        for backend in (mapping(spec.get("defaultBackend")), *(mapping(path.get("backend")) for path in paths)):
            service = mapping(backend.get("service"))
            port = mapping(service.get("port"))
            if service.get("name"):
                yield str(service["name"]), port.get("number") or port.get("name")
    elif _is(item, "gateway.networking.k8s.io", "HTTPRoute"):
        for backend in (b for rule in items(spec.get("rules")) for b in items(rule.get("backendRefs"))):
            if (
                backend.get("kind", "Service") == "Service"
                and not backend.get("group")
                and not backend.get("namespace")
            ):
                yield str(backend.get("name")), backend.get("port")


def _container_ports(template: Template) -> Iterator[Object]:
    for field in ("containers", "initContainers"):
        for container in items(template.spec.get(field)):
            yield from items(container.get("ports"))


def _has_pods(kube: KubeReader, where: str, selector: str) -> bool:
    try:
        return bool(kube.list_(POD, where, label_selector=selector)[0])
    except Forbidden:
        return True


def _is(item: Object, group: str, kind: str) -> bool:
    return item.get("kind") == kind and group_of(item) == group
