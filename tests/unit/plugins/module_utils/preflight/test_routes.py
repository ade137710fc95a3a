# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Services without pods, ports that no pod names, routes to Services that are not there."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD, SERVICE, Resource
from ansible_collections.todo.cloud.plugins.module_utils.preflight.needs import provided
from ansible_collections.todo.cloud.plugins.module_utils.preflight.routes import routes

from tests.support.fake_kube import FakeKube

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    metadata: {labels: {app: web, tier: front}}
    spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
---
"""
SERVICE_TEXT = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {%s}, ports: [{port: 80, name: main, targetPort: %s}]}
---
"""
CUSTOM = "{apiVersion: kafka.strimzi.io/v1, kind: Kafka, metadata: {name: k}}\n---\n"
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec: {rules: [{http: {paths: [{path: /, backend: {service: {name: %s, port: {%s}}}}]}}]}
---
"""
ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec: {rules: [{backendRefs: [%s]}]}
---
"""
SCALER = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {apiVersion: %s, kind: %s, name: %s}}
---
"""
GOOD = WEB + SERVICE_TEXT % ("app: web", "http")


def said(*releases: str, kube: FakeKube | None = None) -> list[str]:
    rendered = {f"r{n}": [each for each in yaml.safe_load_all(text) if each] for n, text in enumerate(releases)}
    brought = provided((item for listed in rendered.values() for item in listed), "ns", hooks=False)
    return [f"{p.release}: {p.message}" for p in routes(kube or FakeKube(), "ns", rendered, brought)]


@pytest.mark.parametrize(
    "releases",
    [
        (GOOD + INGRESS % ("web", "number: 80") + ROUTE % "{name: web, port: 80}",),
        (WEB, SERVICE_TEXT % ("app: web, tier: front", "8080")),
        (SERVICE_TEXT % ("", "http"),),
        (SERVICE_TEXT.replace("spec: {", "spec: {type: ExternalName, ") % ("a: b", "80"),),
        (WEB + CUSTOM + SERVICE_TEXT % ("strimzi.io/name: k", "9092"),),
        (GOOD + INGRESS % ("web", "name: main"),),
        (WEB + SCALER % ("apps/v1", "Deployment", "web") + SCALER % ("argoproj.io/v1alpha1", "Rollout", "x"),),
        (GOOD + ROUTE % "{kind: Bucket, group: x.io, name: b}, {name: z, namespace: y}",),
    ],
)  # fmt: skip
def test_what_has_an_end_is_not_told(releases: tuple[str, ...]) -> None:
    assert said(*releases) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (WEB + SERVICE_TEXT % ("app: wbe", "80"),
         "Service web selects no pods: none of this deployment and none of the namespace has app=wbe"),
        (WEB + CUSTOM + SERVICE_TEXT % ("app: wbe", "80"), "Service web selects no pods"),
        (WEB + SERVICE_TEXT % ("app: web", "htpp"),
         "Service web sends its port 80 to port 'htpp', which its pods do not name"),
        (GOOD + INGRESS % ("wbe", "number: 80"), "Ingress web sends requests to Service 'wbe', which is not there"),
        (GOOD + INGRESS % ("web", "number: 81"), "Ingress web sends requests to port 81 of Service web, which"),
        (GOOD + ROUTE % "{name: wbe, port: 80}", "HTTPRoute web sends requests to Service 'wbe', which is not there"),
        (GOOD + ROUTE % "{name: web, port: 81}", "HTTPRoute web sends requests to port 81 of Service web, which"),
        (WEB + SCALER % ("apps/v1", "Deployment", "wbe"),
         "HorizontalPodAutoscaler web scales Deployment 'wbe', which is not there"),
    ],
)  # fmt: skip
def test_what_leads_nowhere_is_told(text: str, told: str) -> None:
    (line,) = said(text)
    assert line.startswith(f"r0: {told}")


def test_what_is_in_the_cluster_already_counts() -> None:
    kube = FakeKube()
    kube.put(POD, "ns", {"metadata": {"name": "p", "labels": {"app": "old"}}})
    kube.put(SERVICE, "ns", {"metadata": {"name": "old"}, "spec": {"ports": [{"port": 80}]}})
    assert said(SERVICE_TEXT % ("app: old", "80") + INGRESS % ("old", "number: 80"), kube=kube) == []


def test_who_may_not_read_is_told_nothing() -> None:
    class Closed(FakeKube):
        def find(self, resource: Resource, *where: Any, **options: Any) -> dict[str, Any] | None:
            raise Forbidden("no", 403)

        def list_(self, resource: Resource, *where: Any, **options: Any) -> Any:
            raise Forbidden("no", 403)

    scaler = SCALER % ("apps/v1", "Deployment", "z")
    assert said(SERVICE_TEXT % ("app: x", "80") + INGRESS % ("y", "number: 80") + scaler, kube=Closed()) == []


@pytest.mark.parametrize(
    "spec", ["[]", "{selector: [], ports: 5}", "{selector: {a: [1]}, ports: [7, {targetPort: x}]}"]
)
def test_odd_types_end_nothing(spec: str) -> None:
    said(f"{{apiVersion: v1, kind: Service, metadata: {{name: web}}, spec: {spec}}}")
    said(f"{{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {{name: web}}, spec: {spec}}}")
