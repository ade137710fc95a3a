"""Values of charts/service by chance: each option in some of its forms, together as a team could ask for them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

RESOURCES = {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"cpu": "500m", "memory": "192Mi"}}
SIDECAR = {
    "dapr.io/enabled": "true", "dapr.io/app-id": "orders", "dapr.io/config": "todo",
    "dapr.io/sidecar-cpu-request": "20m", "dapr.io/sidecar-cpu-limit": "500m",
    "dapr.io/sidecar-memory-request": "48Mi", "dapr.io/sidecar-memory-limit": "160Mi",
}  # fmt: skip
_RELEASES = ("orders", "on", "1234", "a" * 52, "x-1")
_IMAGES = ("ghcr.io/acme/orders:v1", "r.example.com:5000/a/b@sha256:" + "a" * 64)
_SOURCES: tuple[dict[str, Any], ...] = (
    {"configMap": "app-config", "items": {"app.yaml": "conf/app.yaml"}, "mode": 288, "optional": True},
    {"secret": "tls", "subPath": "tls.crt", "readOnly": True},
    {"secret": "keys"},
    {"emptyDir": "1Gi", "medium": "Memory"},
    {"emptyDir": ""},
    {"claim": "uploads", "readOnly": True},
)
_TERM = {"topologyKey": "topology.kubernetes.io/zone", "labelSelector": {"matchLabels": {"app": "x"}}}
_REQUIREMENT = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
_AFFINITIES: tuple[dict[str, Any], ...] = (
    {},
    {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [_REQUIREMENT]}}},
    {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [_TERM]}},
    {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 5, "podAffinityTerm": _TERM}]}},
)
_TOLERATIONS: tuple[list[dict[str, Any]], ...] = (
    [],
    [{"operator": "Exists"}],
    [
        {"key": "a.example.com/b", "value": "c", "effect": "NoSchedule"},
        {"key": "d", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1000000},
    ],
)
_PROBES: tuple[dict[str, Any], ...] = (
    {"type": "http", "path": "/healthz", "initialDelaySeconds": 5},
    {"type": "http", "path": "/", "port": 9000, "scheme": "HTTPS"},
    {"type": "exec", "command": ["sh", "-c", 'test "$A" = "b c"']},
    {"type": "tcp", "port": 9000},
    {"type": "grpc", "port": 9000, "service": "health"},
    {"type": "none"},
)
_RULES: tuple[list[dict[str, Any]], ...] = (
    [],
    [
        {"host": "*.shop.example.com", "tlsSecretName": "shop"},
        {"host": "api.example.com", "paths": [
            {"path": "/.well-known/x"}, {"path": "/api/", "type": "Exact", "service": "backend", "port": 80}]},
    ],
)  # fmt: skip


class Chance:
    """Draws values; one seed is one combination."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._one = self._random.choice

    def release(self) -> str:
        return self._one(_RELEASES)

    def values(self) -> dict[str, Any]:
        kind = self._one(("Deployment", "Deployment", "StatefulSet", "CronJob", "Job"))
        user = self._one((65532, 1000, 1000650000, "image", 0))
        port = self._one((0, 3000, 8080, 80 if user in ("image", 0) else 9090))
        listens = bool(port) and kind in ("Deployment", "StatefulSet")
        values: dict[str, Any] = {
            "environment": "ci",
            "image": self._one(_IMAGES),
            "resources": RESOURCES,
            "kind": kind,
            "strategy": self._one(("RollingUpdate", "Recreate")),
            "cronJob": {"schedule": self._one(("0 3 * * *", "*/5 0-6 1,15 * MON-fri", "@daily"))},
            "job": {"restartPolicy": self._one(("Never", "OnFailure")), "ttlSecondsAfterFinished": self._one((0, 600))},
            "port": port,
            "security": self._security(user),
            "probes": {probe: self._one(_PROBES) for probe in ("startup", "liveness", "readiness") if self._maybe()},
            "affinity": self._one(_AFFINITIES),
            "tolerations": self._one(_TOLERATIONS),
        }
        if kind == "StatefulSet":
            values["statefulSet"] = self._stateful_set()
        if kind in ("Deployment", "StatefulSet"):
            values["autoscaling"] = self._autoscaling()
        for part in (self._container, self._volumes, self._pod, self._policies, self._sidecar):
            values.update(part())
        if listens:
            values.update(self._endpoints())
        return values

    def _maybe(self) -> bool:
        return self._random.random() < 0.5

    def _some(self, **parts: Any) -> dict[str, Any]:
        """Each part in half of all combinations."""
        return {key: value for key, value in parts.items() if self._maybe()}

    def _security(self, user: int | str) -> dict[str, Any]:
        group = self._one(("user", 2000))
        return {
            "user": user, "group": group, "fsGroup": self._one(("user", 3000)), "readOnlyRoot": self._maybe(),
            "capabilities": self._one(([], ["CHOWN", "SETUID", "SETGID"])) if user == 0 else [],
        }  # fmt: skip

    def _container(self) -> dict[str, Any]:
        others: list[dict[str, Any]] = [
            {"name": "migrate", "resources": RESOURCES, "likeService": True, "command": ["migrate"]},
            {"name": "proxy", "resources": RESOURCES, "image": _IMAGES[0], "mounts": {"tmp": "/t"}, "env": {"Y": "n"}},
        ]
        return self._some(
            command=["python", "-m", "on"],
            args=["--x=1e3", "no"],
            env={"LOG_LEVEL": "info", "NO": "yes", "ODD": 'a "b": {c}\n# d'},
            secretEnv={"DATABASE_URL": {"secret": "database", "key": "url"}},
            configEnv={"FLAG": {"configMap": "flags", "key": "a.b"}},
            envFrom=[{"secret": "backend"}, {"configMap": "1e3", "prefix": "F_", "optional": True}],
            initContainers=[self._one(others)],
            containers=[{**self._one(others), "name": "beside"}],
            lifecycle=self._one((
                {"preStop": {"exec": {"command": ["drain"]}}},
                {"postStart": {"sleep": {"seconds": 2}}, "preStop": {"httpGet": {"path": "/drain", "port": 9000}}},
            )),
            terminationGracePeriodSeconds=self._one((6, 3600)),
            imagePullSecrets=["registry", "null"],
        )  # fmt: skip

    def _volumes(self) -> dict[str, Any]:
        volumes = {f"v{number}": {**source, "path": f"/v/{number}"} for number, source in enumerate(_SOURCES)}
        return {
            "volumes": self._some(**volumes),
            "writable": self._some(**{"/app/.next/cache": "256Mi", "/var/run": "", "/run": "1Mi"}),
        }

    def _pod(self) -> dict[str, Any]:
        spread = {"maxSkew": 2, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}
        return self._some(
            podAnnotations={"example.com/a": "true"},
            podLabels={"team": "on", "a.example.com/b": ""},
            nodeSelector={"kubernetes.io/os": "linux", "on": "1"},
            topologySpread=self._one(([], [spread], [{**spread, "minDomains": 2, "nodeTaintsPolicy": "Honor"}])),
            serviceAccount={"annotations": {"example.com/role": "x"}},
        )

    def _stateful_set(self) -> dict[str, Any]:
        claims = self._some(
            data={"path": "/data", "size": "1Gi"},
            more={"path": "/more", "size": "100M", "className": "fast", "accessMode": "ReadWriteMany", "subPath": "a"},
        )
        return {"claims": claims, "podManagementPolicy": self._one(("OrderedReady", "Parallel"))}

    def _autoscaling(self) -> dict[str, Any]:
        if self._maybe():
            return {"external": True}
        return {
            "enabled": self._maybe(), "targetMemoryUtilizationPercentage": self._one((0, 70)),
            "scaleUpStabilizationSeconds": self._one((0, 30)),
            "scaleUpPolicies": self._one(([], [{"type": "Pods", "value": 2, "periodSeconds": 60}])),
            "scaleDownPolicies": self._one(([], [{"type": "Percent", "value": 10, "periodSeconds": 15}])),
            "metrics": self._some(
                queue_depth={"type": "External", "average": "10", "labels": {"queue": "on"}},
                lag={"type": "External", "value": "1.5"}, requests={"type": "Pods", "average": "500m"},
            ),
        }  # fmt: skip

    def _policies(self) -> dict[str, Any]:
        return {"networkPolicy": self._some(
            egressTo=["other", "no"],
            internet=self._one((True, [443, 8443])),
            egressCIDRs=[
                {"cidr": "10.1.2.0/24", "ports": [5432]}, {"cidr": "2001:db8::/32", "protocol": "UDP"},
                {"cidr": "172.16.0.0/12", "except": ["172.17.0.0/16"]},
            ],
            access=["broker"],
        )}  # fmt: skip

    def _sidecar(self) -> dict[str, Any]:
        secrets = self._one(([], ["app", "off"]))
        return {"dapr": {"annotations": SIDECAR, "secretNames": secrets}} if self._maybe() else {}

    def _endpoints(self) -> dict[str, Any]:
        services: tuple[dict[str, Any], ...] = (
            {}, {"labels": {"team": "no"}, "annotations": {"a": "b"}},
            {"type": "NodePort", "externalTrafficPolicy": "Local"},
            {"type": "LoadBalancer", "loadBalancerSourceRanges": ["203.0.113.0/24", "2001:db8::/64"]},
        )  # fmt: skip
        ingress = {"className": "on", "tlsSecretName": "shop-tls", "clusterIssuer": "letsencrypt"}
        exposures: tuple[Callable[[], dict[str, Any]], ...] = (
            lambda: {"api": "none"},
            lambda: {"api": "ingress", "host": "shop2.example.com", "rules": self._one(_RULES), "ingress": ingress},
            lambda: {"api": "ingress", "rules": _RULES[1], "ingress": {"className": "nginx"}},
            lambda: {"api": "gateway", "host": "x.example.com", "rules": self._one(_RULES),
                     "gateway": {"name": "public", "namespace": "gateway"}},
        )  # fmt: skip
        return {
            "service": self._one(services),
            "extraPorts": self._some(metrics=9100, grpc=50051),
            "exposure": self._one(exposures)(),
            "networkPolicy": self._policies()["networkPolicy"] | self._some(
                ingressFrom=["frontend", "1234"],
                peers=[{"namespaces": ["monitoring"], "ports": [9100]}, {"cidrs": ["192.0.2.0/24"]}],
            ),
        }  # fmt: skip
