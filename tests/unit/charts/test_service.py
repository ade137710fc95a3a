"""The chart service: what design and Kubernetes ask of one service, and what its schema refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.services.values import chart_values

from tests.unit.charts.rendering import DAPR, GATEWAY, INGRESS, Helm, RenderError, merged, minimal_values, pick

RESOURCES = {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"cpu": "500m", "memory": "192Mi"}}


def pod(objects: list[dict[str, Any]]) -> Any:
    return pick(objects, "Deployment")["spec"]["template"]


def container(objects: list[dict[str, Any]]) -> Any:
    [only] = pod(objects)["spec"]["containers"]
    return only


def test_rollout_never_goes_below_what_is_there(helm: Helm) -> None:
    spec = pick(helm.service(replicas=3), "Deployment")["spec"]
    assert spec["replicas"] == 3
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert spec["minReadySeconds"] == 5
    assert spec["progressDeadlineSeconds"] == 300


def test_autoscaling_owns_the_replica_count(helm: Helm) -> None:
    objects = helm.service(autoscaling={"enabled": True, "minReplicas": 2, "maxReplicas": 5}, replicas=7)
    assert "replicas" not in pick(objects, "Deployment")["spec"]
    scaler = pick(objects, "HorizontalPodAutoscaler")["spec"]
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "backend-api"}
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 5)
    [metric] = scaler["metrics"]
    assert metric["type"] == "ContainerResource"
    assert metric["containerResource"]["container"] == container(objects)["name"]


def test_how_fast_it_scales_is_kubernetes_own_unless_said(helm: Helm) -> None:
    given = {"enabled": True, "minReplicas": 2, "maxReplicas": 5}
    plain = pick(helm.service(autoscaling=given), "HorizontalPodAutoscaler")["spec"]
    assert plain["behavior"] == {"scaleDown": {"stabilizationWindowSeconds": 300}}
    one = [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    paced = given | {"scaleUpPolicies": one, "scaleDownPolicies": one, "scaleDownStabilizationSeconds": 0}
    scaler = pick(helm.service(autoscaling=paced), "HorizontalPodAutoscaler")["spec"]
    assert scaler["behavior"] == {
        "scaleUp": {"stabilizationWindowSeconds": 0, "policies": one},
        "scaleDown": {"stabilizationWindowSeconds": 0, "policies": one},
    }


def test_no_autoscaler_unless_asked(helm: Helm) -> None:
    assert not [o for o in helm.service() if o["kind"] == "HorizontalPodAutoscaler"]


def test_disruption_budget_never_blocks_a_node_drain(helm: Helm) -> None:
    spec = pick(helm.service(replicas=1), "PodDisruptionBudget")["spec"]
    assert spec["maxUnavailable"] == 1
    assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert "minAvailable" not in spec


def test_pod_goes_gently(helm: Helm) -> None:
    objects = helm.service(preStopSleepSeconds=7, terminationGracePeriodSeconds=40)
    assert container(objects)["lifecycle"] == {"preStop": {"sleep": {"seconds": 7}}}
    assert pod(objects)["spec"]["terminationGracePeriodSeconds"] == 40
    assert "lifecycle" not in container(helm.service(preStopSleepSeconds=0))


def test_pods_spread_over_nodes(helm: Helm) -> None:
    objects = helm.service()
    [spread] = pod(objects)["spec"]["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    assert spread["labelSelector"] == pick(objects, "Deployment")["spec"]["selector"]


def test_selector_survives_every_change_of_values(helm: Helm) -> None:
    before = pick(helm.service(), "Deployment")["spec"]["selector"]
    changed = helm.service(
        environment="production",
        partOf="other",
        image="r.example.com/b:v9",
        networkPolicy={"access": ["database"]},
        exposure=INGRESS,
    )
    assert pick(changed, "Deployment")["spec"]["selector"] == before
    assert pick(changed, "Service")["spec"]["selector"] == before["matchLabels"]


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("ghcr.io/todo-app/backend-api:v1.0.0", "v1.0.0"),
        ("ghcr.io/todo-app/backend-api:sha-0a1b@sha256:" + "a" * 64, "sha-0a1b"),
        ("10.240.0.1:5000/backend-api:7", "7"),
        ("localhost:5000/backend-api@sha256:" + "b" * 64, None),
        ("ghcr.io/x/y:" + "v" * 127 + ".", "v" * 63),
    ],
)
def test_image_is_one_reference_and_its_tag_the_version(helm: Helm, image: str, version: str | None) -> None:
    objects = helm.service(image=image)
    assert container(objects)["image"] == image
    assert pod(objects)["metadata"]["labels"].get("app.kubernetes.io/version") == version


def test_environment_of_the_container(helm: Helm) -> None:
    objects = helm.service(
        port=9000,
        env={"LOG_LEVEL": "debug", "EMPTY": "", "QUOTED": 'a "b" #c: {d}\nnext', "NUMBER": "007"},
        secretEnv={"DATABASE_URL": {"secret": "database", "key": "url"}},
    )
    found = {e["name"]: e.get("value", e.get("valueFrom")) for e in container(objects)["env"]}
    assert found == {
        "PORT": "9000",
        "POD_NAME": {"fieldRef": {"fieldPath": "metadata.name"}},
        "POD_NAMESPACE": {"fieldRef": {"fieldPath": "metadata.namespace"}},
        "LOG_LEVEL": "debug",
        "EMPTY": "",
        "QUOTED": 'a "b" #c: {d}\nnext',
        "NUMBER": "007",
        "DATABASE_URL": {"secretKeyRef": {"name": "database", "key": "url"}},
    }
    assert pod(objects)["spec"]["enableServiceLinks"] is False


def test_probes_and_ports_agree(helm: Helm) -> None:
    objects = helm.service(port=9000, probes={"readiness": {"path": "/readyz", "periodSeconds": 1}})
    found = container(objects)
    assert found["ports"] == [{"name": "http", "containerPort": 9000, "protocol": "TCP"}]
    assert {found[f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "liveness", "readiness")} == {"http"}
    assert found["readinessProbe"] == {
        "httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 1, "timeoutSeconds": 2, "failureThreshold": 3,
    }  # fmt: skip
    [port] = pick(objects, "Service")["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (80, "http")


def test_only_tmp_is_writable(helm: Helm) -> None:
    objects = helm.service()
    assert container(objects)["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
    assert pod(objects)["spec"]["volumes"] == [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}]
    assert pod(objects)["spec"]["securityContext"]["runAsUser"] == 65532


# --- Dapr ---


def pod_annotations(objects: list[dict[str, Any]]) -> Any:
    return pod(objects)["metadata"].get("annotations", {})


def test_without_dapr_no_annotation_and_no_token(helm: Helm) -> None:
    objects = helm.service()
    assert pod_annotations(objects) == {}
    assert not [o for o in objects if o["kind"] in ("Role", "RoleBinding")]
    assert pick(objects, "ServiceAccount")["automountServiceAccountToken"] is False


def test_sidecar_without_secrets_has_no_kubernetes_token(helm: Helm) -> None:
    objects = helm.service(dapr={"annotations": DAPR}, podAnnotations={"todo.cloud/watched": "x"})
    assert pod_annotations(objects) == {
        **DAPR,
        "todo.cloud/watched": "x",
        "dapr.io/disable-builtin-k8s-secret-store": "true",
        "dapr.io/block-shutdown-duration": "10s",
        "dapr.io/sidecar-liveness-probe-timeout-seconds": "5",
        "dapr.io/sidecar-liveness-probe-threshold": "20",
    }
    assert [v["name"] for v in pod(objects)["spec"]["volumes"]] == ["tmp"]
    assert not [o for o in objects if o["kind"] == "Role"]


def test_sidecar_may_read_the_named_secrets_and_nothing_else(helm: Helm) -> None:
    objects = helm.service(dapr={"annotations": DAPR, "secretNames": ["app", "database"]})
    assert pick(objects, "Role")["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["app", "database"], "verbs": ["get"]}
    ]
    assert pick(objects, "RoleBinding")["subjects"] == [
        {"kind": "ServiceAccount", "name": "backend-api", "namespace": "todo-staging"}
    ]
    assert pod(objects)["spec"]["serviceAccountName"] == "backend-api"


def test_the_token_is_for_the_sidecar_alone(helm: Helm) -> None:
    objects = helm.service(dapr={"annotations": DAPR, "secretNames": ["app"]})
    mount = pod_annotations(objects)["dapr.io/volume-mounts"]
    volume, path = mount.split(":")
    assert path == "/var/run/secrets/kubernetes.io/serviceaccount"
    assert volume in [v["name"] for v in pod(objects)["spec"]["volumes"]]
    assert volume not in [m["name"] for m in container(objects)["volumeMounts"]]
    assert pod(objects)["spec"]["automountServiceAccountToken"] is False
    assert "dapr.io/disable-builtin-k8s-secret-store" not in pod_annotations(objects)
    # it needs the way to the Kubernetes API, too
    ports = [p["port"] for rule in pick(objects, "NetworkPolicy")["spec"]["egress"] for p in rule.get("ports", [])]
    assert ports == [443, 6443]


def test_sidecar_outlives_the_draining_app(helm: Helm) -> None:
    mine = {**DAPR, "dapr.io/block-shutdown-duration": "25s"}
    native = {**DAPR, "dapr.io/enable-native-sidecar": "true"}
    key = "dapr.io/block-shutdown-duration"
    assert pod_annotations(helm.service(dapr={"annotations": DAPR}, preStopSleepSeconds=8))[key] == "13s"
    assert pod_annotations(helm.service(dapr={"annotations": mine}))[key] == "25s"
    assert key not in pod_annotations(helm.service(dapr={"annotations": native}))


# --- network ---


def test_policy_names_peers_and_nobody_else(helm: Helm) -> None:
    spec = pick(
        helm.service(networkPolicy={"ingressFrom": ["frontend"], "egressTo": ["sse-gateway"]}), "NetworkPolicy"
    )["spec"]

    def peer(name: str) -> list[dict[str, Any]]:
        match = {"key": "app.kubernetes.io/instance", "operator": "In", "values": [name]}
        return [{"podSelector": {"matchExpressions": [match]}}]

    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"] == [{"from": peer("frontend"), "ports": [{"protocol": "TCP", "port": "http"}]}]
    assert spec["egress"] == [{"to": peer("sse-gateway")}]


def test_policy_without_peers_opens_nothing(helm: Helm) -> None:
    spec = pick(helm.service(), "NetworkPolicy")["spec"]
    assert "ingress" not in spec
    assert "egress" not in spec


def test_access_is_a_label_for_the_environments_policies(helm: Helm) -> None:
    def access(**values: Any) -> list[str]:
        labels = pod(helm.service(**values))["metadata"]["labels"]
        return [key.removeprefix("todo.cloud/access-") for key in labels if key.startswith("todo.cloud/access-")]

    assert access() == []
    assert access(networkPolicy={"access": ["database", "broker"]}) == ["broker", "database"]
    assert access(exposure=INGRESS) == ["public"]
    assert access(exposure=GATEWAY, networkPolicy={"access": ["public"]}) == ["public"]


# --- the public endpoint ---


def test_ingress_with_certificate_and_redirect(helm: Helm) -> None:
    objects = helm.service(exposure={**INGRESS, "annotations": {"example.com/x": "y"}})
    main = pick(objects, "Ingress", "backend-api")
    assert main["metadata"]["annotations"] == {
        "cert-manager.io/cluster-issuer": "letsencrypt",
        "traefik.ingress.kubernetes.io/router.entrypoints": "websecure",
        "traefik.ingress.kubernetes.io/router.tls": "true",
        "example.com/x": "y",
    }
    assert main["spec"]["tls"] == [{"hosts": ["todo.example.com"], "secretName": "todo-tls"}]
    [rule] = main["spec"]["rules"]
    assert rule["host"] == "todo.example.com"
    assert rule["http"]["paths"][0]["backend"]["service"] == {"name": "backend-api", "port": {"name": "http"}}
    plain = pick(objects, "Ingress", "backend-api-http")
    middleware = pick(objects, "Middleware")
    assert middleware["metadata"]["name"] == "backend-api-https"
    assert middleware["spec"] == {"redirectScheme": {"scheme": "https", "permanent": True}}
    assert plain["metadata"]["annotations"] == {
        "traefik.ingress.kubernetes.io/router.entrypoints": "web",
        "traefik.ingress.kubernetes.io/router.middlewares": "todo-staging-backend-api-https@kubernetescrd",
    }
    assert "tls" not in plain["spec"]


def test_ingress_without_tls(helm: Helm) -> None:
    objects = helm.service(exposure={"api": "ingress", "host": "todo.example.com", "ingress": {"className": "nginx"}})
    found = pick(objects, "Ingress")
    assert "tls" not in found["spec"]
    assert "annotations" not in found["metadata"]
    assert not [o for o in objects if o["kind"] == "Middleware"]


def test_the_same_endpoint_by_gateway_api(helm: Helm) -> None:
    objects = helm.service(exposure=GATEWAY)
    assert not [o for o in objects if o["kind"] == "Ingress"]
    main = pick(objects, "HTTPRoute", "backend-api")["spec"]
    assert main["parentRefs"] == [{"name": "public", "namespace": "gateway", "sectionName": "https"}]
    assert main["hostnames"] == ["todo.example.com"]
    [rule] = main["rules"]
    assert rule["timeouts"] == {"request": "0s"}, "event streams never end"
    assert rule["backendRefs"] == [{"name": "backend-api", "port": 80}]
    [redirect] = pick(objects, "HTTPRoute", "backend-api-http")["spec"]["rules"]
    assert redirect["filters"] == [
        {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
    ]


def test_local_endpoint_is_a_node_port(helm: Helm) -> None:
    spec = pick(helm.service(service={"type": "NodePort", "nodePort": 30080}), "Service")["spec"]
    assert spec["type"] == "NodePort"
    assert spec["ports"][0]["nodePort"] == 30080


# --- what is refused ---


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image": None}, "image"),
        ({"image": "backend-api"}, "/image"),
        ({"image": "ghcr.io/todo-app/backend-api"}, "/image"),
        ({"image": "ghcr.io/todo-app/backend-api:latest"}, "/image"),
        ({"image": "ghcr.io/todo-app/Backend:v1"}, "/image"),
        ({"image": "ghcr.io/x/y:v1@sha256:short"}, "/image"),
        ({"environment": None}, "environment"),
        ({"environment": "Staging!"}, "/environment"),
        ({"resources": None}, "resources"),
        ({"resources": {**RESOURCES, "limits": {"cpu": None}}}, "/resources/limits"),
        ({"resources": {**RESOURCES, "requests": {"cpu": 1}}}, "/resources/requests/cpu"),
        ({"resources": {**RESOURCES, "requests": {"memory": "lots"}}}, "/resources/requests/memory"),
        ({"replicas": -1}, "/replicas"),
        ({"replicas": "2"}, "/replicas"),
        ({"env": {"A": 1}}, "/env/A"),
        ({"env": {"A-B": "x"}}, "/env"),
        ({"env": {"PORT": "1"}}, "the chart sets the variable PORT"),
        ({"secretEnv": {"A": "plain value"}}, "/secretEnv/A"),
        ({"secretEnv": {"A": {"secret": "app"}}}, "/secretEnv/A"),
        ({"secretEnv": {"POD_NAME": {"secret": "app", "key": "x"}}}, "the chart sets the variable POD_NAME"),
        ({"dapr": {"annotations": {**DAPR, "dapr.io/app-port": 8080}}}, "/dapr/annotations"),
        ({"dapr": {"annotations": {**DAPR, "app-port": "8080"}}}, "/dapr/annotations"),
        ({"dapr": {"annotations": {**DAPR, "dapr.io/enabled": "false"}}}, "/dapr/annotations"),
        ({"dapr": {"annotations": {"dapr.io/enabled": "true", "dapr.io/app-id": "x"}}}, "sidecar-memory-limit"),
        (
            {"dapr": {"annotations": {**DAPR, "dapr.io/volume-mounts": "a:/b"}}},
            "the chart sets dapr.io/volume-mounts",
        ),
        ({"dapr": {"secretNames": ["app"]}}, "/dapr/annotations"),
        ({"podAnnotations": {"dapr.io/enabled": "true"}}, "dapr.io/enabled belongs into dapr.annotations"),
        ({"podAnnotations": {"x": True}}, "/podAnnotations/x"),
        ({"service": {"type": "ExternalName"}}, "/service/type"),
        ({"service": {"nodePort": 30080}}, "/service/type"),
        ({"service": {"type": "NodePort", "nodePort": 80}}, "/service/nodePort"),
        ({"port": 80}, "/port"),
        ({"probes": {"liveness": {"path": "health"}}}, "/probes/liveness/path"),
        ({"exposure": {"api": "route"}}, "/exposure/api"),
        ({"exposure": {"api": "ingress", "host": "todo.example.com"}}, "/exposure/ingress/className"),
        ({"exposure": {**INGRESS, "host": ""}}, "/exposure/host"),
        ({"exposure": {**INGRESS, "host": "https://todo.example.com"}}, "/exposure/host"),
        (
            {"exposure": {**INGRESS, "ingress": {"className": "x", "clusterIssuer": "y"}}},
            "/exposure/ingress/tlsSecretName",
        ),
        ({"exposure": {**GATEWAY, "gateway": {"name": "public"}}}, "/exposure/gateway/namespace"),
        ({"networkPolicy": {"access": ["everything"]}}, "/networkPolicy/access"),
        ({"imagePullSecrets": [{"name": "registry"}]}, "/imagePullSecrets"),
        (
            {"preStopSleepSeconds": 30},
            "terminationGracePeriodSeconds (30) must be longer than preStopSleepSeconds (30)",
        ),
        ({"minReadySeconds": 300}, "progressDeadlineSeconds (300) must be longer than minReadySeconds (300)"),
        ({"autoscaling": {"minReplicas": 5}}, "autoscaling.minReplicas (5) is more than autoscaling.maxReplicas (4)"),
        ({"env": {"A": "x"}, "secretEnv": {"A": {"secret": "s", "key": "k"}}}, "A is in env and in secretEnv"),
    ],
)
def test_refused(helm: Helm, values: dict[str, Any], message: str) -> None:
    with pytest.raises(RenderError) as error:
        helm.service(**values)
    assert message in str(error.value)


ODD = ("on", "y", "no", "null", "1e3", "1234", "0x1f", "1-2", "2024-01-01")


@pytest.mark.parametrize("name", ODD)
def test_names_that_yaml_reads_as_something_else_are_text(helm: Helm, name: str) -> None:
    values = {
        "env": {name.upper().replace("-", "_").lstrip("0123456789") or "ON": "x", "NULL": "n", "Y": "y", "_1": "u"},
        "secretEnv": {"OFF": {"secret": name, "key": "on"}},
        "imagePullSecrets": [name],
        "dapr": {"annotations": DAPR, "secretNames": [name]},
        "exposure": {**INGRESS, "ingress": {**INGRESS["ingress"], "className": name, "tlsSecretName": name}},
        "autoscaling": {"enabled": True},
        "networkPolicy": {"ingressFrom": [name]},
        "serviceMonitor": {"enabled": True},
    }
    objects = helm.render("service", merged(minimal_values("service"), values), name, name)
    assert not [text for item in objects for text in _names(item) if not isinstance(text, str)]
    assert {o["metadata"]["name"] for o in objects} == {name, f"{name}-http", f"{name}-https"}
    assert [env["name"] for env in container(objects)["env"] if not isinstance(env["name"], str)] == []


def _names(node: Any) -> Iterator[Any]:
    """Values of all keys that hold names, and the values of labels."""
    if isinstance(node, list):
        for each in node:
            yield from _names(each)
    if isinstance(node, dict):
        for key, value in node.items():
            yield from value.values() if key in ("labels", "matchLabels") else ()
            yield from value if key in ("resourceNames", "values") else ()
            named = key.lower().endswith(("name", "namespace")) and not isinstance(value, dict)
            yield from [value] if named else _names(value)


def test_an_entry_is_public_by_a_gateway(helm: Helm) -> None:
    """The same entry as for an Ingress; the environment says which."""
    gateway = {"name": "edge", "namespace": "gateways"}
    public = [{"host": "todo.example.com", "paths": ["/api"]}, {"host": "www.example.com"}]
    entry = {"image": "ghcr.io/todo-app/web:v1", "public": public}
    values = chart_values("web", entry, {}, {"exposure_api": "gateway", "gateway": gateway})
    routes = [item for item in helm.service(**values) if item["kind"] in ("HTTPRoute", "Ingress")]
    assert [(item["kind"], item["spec"]["hostnames"]) for item in routes] == [
        ("HTTPRoute", ["todo.example.com"]),
        ("HTTPRoute", ["www.example.com"]),
        ("HTTPRoute", ["todo.example.com", "www.example.com"]),
    ]
    assert {item["spec"]["parentRefs"][0]["sectionName"] for item in routes} == {"https", "http"}
    assert routes[2]["spec"]["rules"][0]["filters"][0]["requestRedirect"] == {"scheme": "https", "statusCode": 301}
