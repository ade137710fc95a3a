# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What belongs to a service beside its pods, as values of charts/service: how often it runs, who reaches it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .convert_container import number_of
from .convert_source import Group, Notes, each, name_of, part, title_of

_CRON = (
    "schedule", "timeZone", "concurrencyPolicy", "suspend", "startingDeadlineSeconds", "successfulJobsHistoryLimit",
    "failedJobsHistoryLimit",
)  # fmt: skip
_JOB = ("backoffLimit", "activeDeadlineSeconds", "completions", "parallelism", "ttlSecondsAfterFinished")
_NUMBERS = ("minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit")
_STANDARD_LABELS = ("app.kubernetes.io/", "helm.sh/", "todo.cloud/")
_ISSUER = "cert-manager.io/cluster-issuer"
_TRAEFIK = "traefik.ingress.kubernetes.io/router."
_PUBLIC = "0.0.0.0/0"
_SAID = ("Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "ServiceAccount", "NetworkPolicy", "Ingress",
         "ServiceMonitor", "Role", "RoleBinding", "Middleware", "ScaledObject")  # fmt: skip


def part_values(group: Group, container: Mapping[str, Any], port: int, notes: Notes) -> dict[str, Any]:
    """What the workload and its other objects say, as values of charts/service."""
    found = _workload(group)
    for one in (
        _scaling(group, notes),
        _service(group, container, port, notes),
        _exposure(group, notes),
        _account(group),
    ):
        found |= one
    policies = group.of("NetworkPolicy")
    if group.own:
        found["networkPolicy"] = _policy(part(policies[0], "spec")) if policies else {"enabled": False}
    for budget in group.of("PodDisruptionBudget"):
        if part(budget, "spec").get("maxUnavailable") != 1:
            notes.say(
                f"{group.name}: {title_of(budget)}; each service allows one eviction at a time (maxUnavailable: 1)."
            )
    for item in group.objects:
        if item.get("kind") not in (*_SAID, *(("HTTPRoute",) if group.own else ())):
            notes.say(f"{group.name}: {title_of(item)}.")
    return found


def ports_of(group: Group, container: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
    """The port that the container listens on, and the port of the Service that leads there; 0: none."""
    asked = [port for service in group.services for port in each(part(service, "spec"), "ports")]
    asked.sort(key=lambda port: port.get("name") != "http")
    for port in asked:
        number = number_of(port.get("targetPort", port.get("port")), container)
        if number:
            return number, port
    own = sorted(each(container, "ports"), key=lambda port: port.get("name") != "http")
    return (int(own[0].get("containerPort", 0)), {}) if own else (0, {})


def _titles(items: list[Mapping[str, Any]]) -> str:
    return ", ".join(title_of(item) for item in items)


def _workload(group: Group) -> dict[str, Any]:
    kind, spec = group.workload["kind"], part(group.workload, "spec")
    found: dict[str, Any] = {} if kind == "Deployment" else {"kind": kind}
    found |= {key: spec[key] for key in _NUMBERS if key in spec and kind in ("Deployment", "StatefulSet")}
    if part(spec, "strategy").get("type") == "Recreate":
        found["strategy"] = "Recreate"
    if spec.get("podManagementPolicy", "OrderedReady") != "OrderedReady":
        found["statefulSet"] = {"podManagementPolicy": spec["podManagementPolicy"]}
    if kind == "CronJob":
        found["cronJob"] = {key: spec[key] for key in _CRON if key in spec}
        spec = part(spec, "jobTemplate", "spec")
    if kind in ("CronJob", "Job"):
        found["job"] = {key: spec[key] for key in _JOB if key in spec}
        restart = part(group.template, "spec").get("restartPolicy", "Never")
        found["job"] |= {"restartPolicy": restart} if restart != "Never" else {}
    return found


def _scaling(group: Group, notes: Notes) -> dict[str, Any]:
    spec = part(group.workload, "spec")
    if group.workload["kind"] not in ("Deployment", "StatefulSet"):
        return {}
    scalers = group.of("HorizontalPodAutoscaler")
    if scalers:
        return {"autoscaling": _autoscaling(part(scalers[0], "spec"), group.name, notes)}
    if others := group.of("ScaledObject"):
        notes.say(f"{group.name}: {_titles(others)}; keep it, the service leaves its replicas alone.")
        return {"autoscaling": {"external": True}}
    if "replicas" not in spec and group.own:
        return {"autoscaling": {"external": True}}
    return {"replicas": spec.get("replicas", 1)}


def _autoscaling(spec: Mapping[str, Any], name: str, notes: Notes) -> dict[str, Any]:
    found: dict[str, Any] = {
        "enabled": True, "minReplicas": spec.get("minReplicas", 1), "maxReplicas": spec.get("maxReplicas"),
        "targetCPUUtilizationPercentage": 0, "targetMemoryUtilizationPercentage": 0,
    }  # fmt: skip
    metrics: dict[str, Any] = {}
    for metric in each(spec, "metrics"):
        kind = str(metric.get("type"))
        own = part(metric, kind[:1].lower() + kind[1:])
        target, resource = part(own, "target"), {"cpu": "CPU", "memory": "Memory"}.get(str(own.get("name")))
        if kind in ("Resource", "ContainerResource") and resource and "averageUtilization" in target:
            found[f"target{resource}UtilizationPercentage"] = target["averageUtilization"]
        elif kind in ("Pods", "External"):
            key, asked = ("average", "averageValue") if "averageValue" in target else ("value", "value")
            labels = part(own, "metric", "selector", "matchLabels")
            metrics[str(part(own, "metric").get("name"))] = {
                "type": kind, key: str(target.get(asked)), **({"labels": dict(labels)} if labels else {}),
            }  # fmt: skip
        else:
            notes.say(f"{name}: its autoscaling by a metric of type {kind}.")
    if metrics:
        found["metrics"] = metrics
    for way in ("scaleUp", "scaleDown"):
        pace = part(spec, "behavior", way)
        if pace.get("stabilizationWindowSeconds") is not None:
            found[f"{way}StabilizationSeconds"] = pace["stabilizationWindowSeconds"]
        if policies := each(pace, "policies"):
            found[f"{way}Policies"] = [dict(policy) for policy in policies]
    return found


def _service(group: Group, container: Mapping[str, Any], port: int, notes: Notes) -> dict[str, Any]:
    if not group.services or not port:
        return {}
    first, *more = group.services
    spec, metadata = part(first, "spec"), part(first, "metadata")
    if more:
        notes.say(f"{group.name}: {_titles(more)}; an entry has one Service.")
    _number, main = ports_of(group, container)
    found: dict[str, Any] = {}
    if spec.get("type", "ClusterIP") != "ClusterIP":
        found["type"] = spec["type"]
    if main.get("port", 80) != 80:
        found["port"] = main["port"]
    if main.get("nodePort"):
        found["nodePort"] = main["nodePort"]
    for key in ("externalTrafficPolicy", "loadBalancerSourceRanges"):
        if spec.get(key) and found.get("type"):
            found[key] = spec[key]
    labels = {
        k: str(v) for k, v in part(metadata, "labels").items() if group.own and not k.startswith(_STANDARD_LABELS)
    }
    annotations = {key: str(value) for key, value in part(metadata, "annotations").items() if "helm.sh/" not in key}
    found |= {key: value for key, value in (("labels", labels), ("annotations", annotations)) if value}
    extra = {}
    for one in each(spec, "ports"):
        if one is main:
            continue
        number = number_of(one.get("targetPort", one.get("port")), container) or one.get("targetPort")
        if number == one.get("port") and one.get("protocol", "TCP") == "TCP":
            extra[str(one.get("name") or f"port-{number}")] = number
        else:
            notes.say(f"{group.name}: port {one.get('port')} of {title_of(first)} leads to another port.")
    return ({"service": found} if found else {}) | ({"extraPorts": extra} if extra else {})


def _exposure(group: Group, notes: Notes) -> dict[str, Any]:
    ingresses = [item for item in group.of("Ingress") if not (group.own and name_of(item).endswith("-http"))]
    routes = group.of("HTTPRoute")
    if routes and group.own:
        return _gateway(routes)
    if not ingresses:
        return {}
    first, *more = ingresses
    if more:
        notes.say(f"{group.name}: {_titles(more)}; its hosts may stand in `public` as well.")
    spec = part(first, "spec")
    annotations = {key: str(value) for key, value in part(first, "metadata", "annotations").items()}
    issuer, own = annotations.pop(_ISSUER, ""), {name_of(service) for service in group.services}
    redirect = group.own and bool(group.of("Middleware"))
    if redirect:
        annotations = {key: value for key, value in annotations.items() if not key.startswith(_TRAEFIK)}
    annotations.pop("kubernetes.io/ingress.class", None)
    secrets = {host: one.get("secretName") for one in each(spec, "tls") for host in one.get("hosts") or ()}
    rules = [_rule(rule, own, secrets) for rule in each(spec, "rules")]
    main = rules[0]["tlsSecretName"] if rules and all("tlsSecretName" in rule for rule in rules) else ""
    for rule in rules:
        if rule.get("tlsSecretName") == main:
            rule.pop("tlsSecretName", None)
    exposure: dict[str, Any] = {
        "api": "ingress",
        "annotations": annotations,
        "ingress": {
            "className": spec.get("ingressClassName") or _class(first), "tlsSecretName": main,
            "clusterIssuer": issuer, "traefikRedirect": redirect,
        },
    }  # fmt: skip
    return {"exposure": exposure | _hosts(rules)}


def _hosts(rules: list[dict[str, Any]]) -> dict[str, Any]:
    """One host as a whole in short, as an entry makes it."""
    return {"host": rules[0]["host"]} if len(rules) == 1 and set(rules[0]) == {"host"} else {"rules": rules}


def _class(ingress: Mapping[str, Any]) -> str:
    return str(part(ingress, "metadata", "annotations").get("kubernetes.io/ingress.class") or "")


def _rule(rule: Mapping[str, Any], own: set[str], secrets: Mapping[str, Any]) -> dict[str, Any]:
    paths = []
    for path in each(part(rule, "http"), "paths"):
        backend = part(path, "backend", "service")
        one: dict[str, Any] = {"path": path.get("path") or "/"}
        if path.get("pathType") == "Exact":
            one["type"] = "Exact"
        if backend.get("name") not in own:
            one |= {"service": backend.get("name"), "port": part(backend, "port").get("number")}
        paths.append(one)
    host = str(rule.get("host") or "")
    found: dict[str, Any] = {"host": host}
    if secrets.get(host):
        found["tlsSecretName"] = secrets[host]
    return found if paths == [{"path": "/"}] else {**found, "paths": paths}


def _gateway(routes: list[Mapping[str, Any]]) -> dict[str, Any]:
    redirects = [route for route in routes if name_of(route).endswith("-http")]
    own = [route for route in routes if route not in redirects]
    parent = next(iter(each(part(own[0], "spec"), "parentRefs")), {})
    rules = []
    for route in own:
        paths = []
        for rule in each(part(route, "spec"), "rules"):
            match, backend = each(rule, "matches")[0]["path"], each(rule, "backendRefs")[0]
            one = {"path": match["value"], **({"type": "Exact"} if match["type"] == "Exact" else {})}
            theirs = backend["name"] != name_of(own[0])
            paths.append(one | ({"service": backend["name"], "port": backend["port"]} if theirs else {}))
        host = part(route, "spec")["hostnames"][0]
        rules.append({"host": host} if paths == [{"path": "/"}] else {"host": host, "paths": paths})
    listener = next(iter(each(part(redirects[0], "spec"), "parentRefs")), {}) if redirects else {}
    gateway = {
        "name": parent.get("name"), "namespace": parent.get("namespace"), "httpsListener": parent.get("sectionName"),
        "httpListener": listener.get("sectionName", ""),
    }  # fmt: skip
    annotations = dict(part(own[0], "metadata", "annotations"))
    return {"exposure": {"api": "gateway", "annotations": annotations, "gateway": gateway} | _hosts(rules)}


def _account(group: Group) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for account in group.of("ServiceAccount"):
        if annotations := part(account, "metadata", "annotations"):
            found["serviceAccount"] = {"annotations": {key: str(value) for key, value in annotations.items()}}
    for role in group.of("Role"):
        names = [str(name) for rule in role.get("rules") or () for name in rule.get("resourceNames") or ()]
        found["dapr"] = {"secretNames": names}
    for monitor in group.of("ServiceMonitor"):
        endpoint = next(iter(each(part(monitor, "spec"), "endpoints")), {})
        said = {key: endpoint[key] for key in ("port", "path", "interval") if key in endpoint}
        labels = part(monitor, "metadata", "labels").items()
        kept = {key: str(value) for key, value in labels if not key.startswith(_STANDARD_LABELS)}
        found["serviceMonitor"] = {"enabled": True, **said, **({"labels": kept} if kept else {})}
    return found


def _policy(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A policy of charts/service; others say what no entry does."""
    found: dict[str, Any] = {}
    for rule in each(spec, "ingress"):
        who = each(rule, "from")
        if names := _instances(who):
            found["ingressFrom"] = names
            continue
        peer: dict[str, Any] = {}
        for one in who:
            for wanted in each(part(one, "namespaceSelector"), "matchExpressions"):
                peer["namespaces"] = list(wanted.get("values") or ())
            if "ipBlock" in one:
                peer.setdefault("cidrs", []).append(part(one, "ipBlock").get("cidr"))
        numbers = [port.get("port") for port in each(rule, "ports")]
        if "http" not in numbers:
            peer["ports"] = numbers
        found.setdefault("peers", []).append(peer)
    for rule in each(spec, "egress"):
        whom, ports = each(rule, "to"), [port.get("port") for port in each(rule, "ports")]
        if names := _instances(whom):
            found["egressTo"] = names
        elif whom and part(whom[0], "ipBlock").get("cidr") == _PUBLIC and len(whom) == 2:
            found["internet"] = ports or True
        elif whom:
            block, protocols = part(whom[0], "ipBlock"), {port.get("protocol", "TCP") for port in each(rule, "ports")}
            other = {"protocol": protocols.pop()} if protocols and protocols != {"TCP"} else {}
            except_ = {"except": block["except"]} if block.get("except") else {}
            cidr = {"cidr": block.get("cidr"), **except_, **({"ports": ports} if ports else {}), **other}
            found.setdefault("egressCIDRs", []).append(cidr)
    return found


def _instances(peers: list[Mapping[str, Any]]) -> list[str]:
    return [
        str(name)
        for peer in peers
        for wanted in each(part(peer, "podSelector"), "matchExpressions")
        for name in wanted.get("values") or ()
    ]
