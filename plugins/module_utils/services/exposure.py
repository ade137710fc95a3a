# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an entry says of its public endpoints, as values of charts/service: Ingress, Gateway or node port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .workload import text_of

GATEWAY = "gateway"


def publics_of(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The public endpoints, each as a dictionary."""
    public = entry.get("public")
    several = public if isinstance(public, (list, tuple)) else [] if public is None else [public]
    return [one if isinstance(one, Mapping) else {"host": one} for one in several]


def exposure_values(name: str, entry: Mapping[str, Any], ingress: Mapping[str, Any]) -> dict[str, Any]:
    """How the service is reached from outside, as values of charts/service; ``ingress``: see chart_values."""
    publics = publics_of(entry)
    if not publics:
        return {}
    if "node_port" in publics[0]:
        return {"service": {"type": "NodePort", "nodePort": publics[0]["node_port"]}}
    issuer = ingress.get("cluster_issuer") or ""
    own, *more = (_certificate(name, public, issuer) for public in publics)
    annotations = dict(ingress.get("annotations") or {})
    for public in publics:
        annotations.update({key: text_of(value) for key, value in (public.get("annotations") or {}).items()})
    if ingress.get("exposure_api") == GATEWAY:
        return {"exposure": {"api": GATEWAY, **_of_gateway(publics, ingress)}}
    exposure: dict[str, Any] = {
        "api": "ingress",
        "annotations": annotations,
        "ingress": {
            "className": ingress.get("class_name") or "",
            "tlsSecretName": own,
            "clusterIssuer": issuer if any(public.get("tls", True) is True for public in publics) and own else "",
            "traefikRedirect": bool(own) and bool(ingress.get("traefik_redirect")),
        },
    }
    if more or "paths" in publics[0]:
        exposure["rules"] = [_rule(public, tls, own) for public, tls in zip(publics, (own, *more), strict=True)]
    else:
        exposure["host"] = publics[0]["host"]
    return {"exposure": exposure}


def _of_gateway(publics: Sequence[Mapping[str, Any]], environment: Mapping[str, Any]) -> dict[str, Any]:
    """The same hosts by routes: TLS ends at the Gateway, and what Ingresses are annotated with means nothing there."""
    annotations = {k: text_of(v) for public in publics for k, v in (public.get("annotations") or {}).items()}
    said: dict[str, Any] = {"gateway": dict(environment.get("gateway") or {})}
    if annotations:
        said["annotations"] = annotations
    if len(publics) > 1 or "paths" in publics[0]:
        return {**said, "rules": [_rule(public, "", "") for public in publics]}
    return {**said, "host": publics[0]["host"]}


def _certificate(name: str, public: Mapping[str, Any], issuer: str) -> str:
    tls = public.get("tls", bool(issuer))
    return f"{name}-tls" if tls is True else tls or ""


def _rule(public: Mapping[str, Any], certificate: str, default: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"host": public["host"]}
    if certificate and certificate != default:
        rule["tlsSecretName"] = certificate
    if "paths" in public:
        rule["paths"] = [{"path": path} for path in public["paths"]]
    return rule
