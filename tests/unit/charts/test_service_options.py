"""What charts/service can say besides its defaults, and which values it refuses because Kubernetes would."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.charts.rendering import GATEWAY, INGRESS, Helm, RenderError, merged, minimal_values, pick
from tests.unit.charts.test_service import ODD, RESOURCES, _names, container, pod

ROUTES = [{"host": "api.example.com", "paths": [{"path": "/"}, {"path": "/b", "service": "back", "port": 81}]}]


@pytest.mark.parametrize(
    ("security", "expected"),
    [
        ({}, {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532}),
        ({"user": 1000}, {"runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000}),
        ({"user": 1000650000, "fsGroup": 0},
         {"runAsNonRoot": True, "runAsUser": 1000650000, "runAsGroup": 1000650000, "fsGroup": 0}),
        ({"user": "image"}, {"runAsNonRoot": True}),
        ({"user": "image", "fsGroup": 2000}, {"runAsNonRoot": True, "fsGroup": 2000}),
        ({"user": 0}, {"runAsNonRoot": False, "runAsUser": 0, "runAsGroup": 0, "fsGroup": 0}),
    ],
)  # fmt: skip
def test_who_the_process_is(helm: Helm, security: dict[str, Any], expected: dict[str, Any]) -> None:
    found = dict(pod(helm.service(security=security))["spec"]["securityContext"])
    assert found.pop("seccompProfile") == {"type": "RuntimeDefault"}
    assert found == expected


def test_root_file_system_and_folders(helm: Helm) -> None:
    objects = helm.service(security={"readOnlyRoot": False}, writable={"/tmp": None, "/app/.next/cache": "1Gi"})
    assert container(objects)["securityContext"]["readOnlyRootFilesystem"] is False
    [mount] = container(objects)["volumeMounts"]
    assert mount["mountPath"] == "/app/.next/cache"
    assert pod(objects)["spec"]["volumes"] == [{"name": mount["name"], "emptyDir": {"sizeLimit": "1Gi"}}]


def test_everything_follows_the_port(helm: Helm) -> None:
    objects = helm.service(port=3000, extraPorts={"metrics": 9100}, networkPolicy={"ingressFrom": ["a"]})
    found = container(objects)
    assert found["ports"] == [{"name": "http", "containerPort": 3000, "protocol": "TCP"}]
    assert {found[f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "liveness", "readiness")} == {"http"}
    [rule] = pick(objects, "NetworkPolicy")["spec"]["ingress"]
    assert [port["port"] for port in rule["ports"]] == ["http", 9100]
    assert [port["name"] for port in pick(objects, "Service")["spec"]["ports"]] == ["http", "metrics"]


def test_a_worker_has_no_port(helm: Helm) -> None:
    objects = helm.service(port=0, probes={"liveness": {"type": "exec", "command": ["alive"]}})
    assert {o["kind"] for o in objects} == {"Deployment", "ServiceAccount", "NetworkPolicy", "PodDisruptionBudget"}
    found = container(objects)
    assert {"ports", "startupProbe", "readinessProbe"}.isdisjoint(found)
    assert found["livenessProbe"]["exec"] == {"command": ["alive"]}
    assert "PORT" not in [variable["name"] for variable in found["env"]]


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ({"type": "tcp"}, {"tcpSocket": {"port": "http"}}),
        ({"type": "tcp", "port": 5000}, {"tcpSocket": {"port": 5000}}),
        ({"type": "grpc"}, {"grpc": {"port": 8080, "service": ""}}),
        ({"path": "/x", "port": 81, "scheme": "HTTPS"}, {"httpGet": {"path": "/x", "port": 81, "scheme": "HTTPS"}}),
        ({"type": "none"}, None),
    ],
)
def test_probes(helm: Helm, probe: dict[str, Any], expected: dict[str, Any] | None) -> None:
    found = container(helm.service(probes={"liveness": probe})).get("livenessProbe")
    times = {"periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6}
    assert found == (expected and {**expected, **times})


def test_a_stateful_set_keeps_its_claims(helm: Helm) -> None:
    objects = helm.service(kind="StatefulSet", statefulSet={"claims": {"data": {"path": "/data", "size": "1Gi"}}})
    spec = pick(objects, "StatefulSet")["spec"]
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert pick(objects, "Service", spec["serviceName"])["spec"]["clusterIP"] == "None"
    [claim] = spec["volumeClaimTemplates"]
    other = helm.service(kind="StatefulSet", image="r.example.com/b:v9", environment="x", partOf="y",
                         statefulSet={"claims": {"data": {"path": "/data", "size": "1Gi"}}})  # fmt: skip
    assert [claim] == pick(other, "StatefulSet")["spec"]["volumeClaimTemplates"], "it can't be changed"


def test_a_job_that_changes_is_another_one(helm: Helm) -> None:
    first, same, changed = (helm.service(kind="Job", args=args) for args in (["a"], ["a"], ["b"]))
    names = [pick(objects, "Job")["metadata"]["name"] for objects in (first, same, changed)]
    assert names[0] == names[1] != names[2]
    assert {o["kind"] for o in first} == {"Job", "ServiceAccount", "NetworkPolicy"}
    [only] = pick(first, "Job")["spec"]["template"]["spec"]["containers"]
    assert {"ports", "lifecycle", "livenessProbe"}.isdisjoint(only)


def test_a_cron_job(helm: Helm) -> None:
    spec = pick(helm.service(kind="CronJob", cronJob={"schedule": "0 3 * * *", "timeZone": "Europe/Berlin"}), "CronJob")
    assert (spec["spec"]["schedule"], spec["spec"]["timeZone"]) == ("0 3 * * *", "Europe/Berlin")
    assert spec["spec"]["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_something_else_scales(helm: Helm) -> None:
    objects = helm.service(autoscaling={"external": True, "enabled": True})
    assert "replicas" not in pick(objects, "Deployment")["spec"]
    assert not [o for o in objects if o["kind"] == "HorizontalPodAutoscaler"]


def test_internet_is_public_addresses_alone(helm: Helm) -> None:
    [rule] = pick(helm.service(networkPolicy={"internet": [443]}), "NetworkPolicy")["spec"]["egress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 443}]
    four, six = (peer["ipBlock"] for peer in rule["to"])
    assert (four["cidr"], six["cidr"]) == ("0.0.0.0/0", "::/0")
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= set(four["except"])
    assert {"fc00::/7", "fe80::/10"} <= set(six["except"])
    [open_rule] = pick(helm.service(networkPolicy={"internet": True}), "NetworkPolicy")["spec"]["egress"]
    assert "ports" not in open_rule


def test_several_hosts_and_paths_on_one_ingress(helm: Helm) -> None:
    objects = helm.service(exposure={**INGRESS, "rules": ROUTES})
    for name in ("backend-api", "backend-api-http"):
        first, second = pick(objects, "Ingress", name)["spec"]["rules"]
        assert (first["host"], second["host"]) == ("todo.example.com", "api.example.com")
        assert [path["backend"]["service"] for path in second["http"]["paths"]] == [
            {"name": "backend-api", "port": {"name": "http"}}, {"name": "back", "port": {"number": 81}}
        ]  # fmt: skip
    assert pick(objects, "Ingress", "backend-api")["spec"]["tls"] == [
        {"hosts": ["todo.example.com", "api.example.com"], "secretName": "todo-tls"}
    ]


def test_several_hosts_by_gateway_api(helm: Helm) -> None:
    objects = helm.service(exposure={**GATEWAY, "rules": ROUTES})
    second = pick(objects, "HTTPRoute", "backend-api-2")["spec"]
    assert second["hostnames"] == ["api.example.com"]
    assert [rule["backendRefs"] for rule in second["rules"]] == [
        [{"name": "backend-api", "port": 80}], [{"name": "back", "port": 81}]
    ]  # fmt: skip
    hosts = ["todo.example.com", "api.example.com"]
    assert pick(objects, "HTTPRoute", "backend-api-http")["spec"]["hostnames"] == hosts


def test_other_containers(helm: Helm) -> None:
    others = [{"name": "migrate", "resources": RESOURCES, "likeService": True, "env": {"MORE": "1"}},
              {"name": "wait", "resources": RESOURCES, "image": "r.io/wait:v1", "mounts": {"tmp": "/t"}}]  # fmt: skip
    objects = helm.service(initContainers=others, env={"A": "b"}, envFrom=[{"secret": "s"}])
    migrate, wait = pod(objects)["spec"]["initContainers"]
    own = container(objects)
    assert migrate["env"] == [*own["env"], {"name": "MORE", "value": "1"}]
    assert (migrate["image"], migrate["envFrom"], migrate["volumeMounts"]) == (
        own["image"], own["envFrom"], own["volumeMounts"]
    )  # fmt: skip
    assert {"env", "envFrom"}.isdisjoint(wait)
    assert wait["volumeMounts"] == [{"name": "tmp", "mountPath": "/t"}]
    assert wait["securityContext"] == own["securityContext"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "DaemonSet"}, "/kind"),
        ({"resources": {**RESOURCES, "requests": {"cpu": "0.6"}}}, "requests more cpu (0.6) than its limit (500m)"),
        ({"resources": {"limits": {"memory": "90M"}}}, "requests more memory (96Mi) than its limit (90M)"),
        ({"security": {"user": "root"}}, "/security/user"),
        ({"security": {"user": -1}}, "/security/user"),
        ({"security": {"capabilities": ["SYS_ADMIN"]}}, "/security/capabilities"),
        ({"security": {"user": 1000}, "port": 80}, "/port"),
        ({"port": 65536}, "/port"),
        ({"writable": {"cache": "1Gi"}}, "/writable"),
        ({"writable": {"/cache": "lots"}}, "/writable/~1cache"),
        ({"volumes": {"a": {"path": "/a"}}}, "/volumes/a"),
        ({"volumes": {"a": {"secret": "x", "configMap": "y"}}}, "/volumes/a"),
        ({"volumes": {"a": {"claim": "x", "items": {"k": "p"}}}}, "/volumes/a"),
        ({"volumes": {"a": {"secret": "x", "path": "/a", "subPath": "../b"}}}, "subPath"),
        ({"volumes": {"tmp": {"emptyDir": ""}}}, "two volumes have one name"),
        ({"volumes": {"a": {"emptyDir": "", "path": "/tmp"}}}, "two volumes at one path"),
        ({"envFrom": [{"secret": "a", "configMap": "b"}]}, "/envFrom/0"),
        ({"configEnv": {"PORT": {"configMap": "a", "key": "b"}}}, "the chart sets the variable PORT"),
        ({"env": {"A": "x"}, "configEnv": {"A": {"configMap": "a", "key": "b"}}}, "A is in configEnv and in env"),
        ({"command": "run"}, "/command"),
        ({"probes": {"liveness": {"type": "exec"}}}, "command"),
        ({"probes": {"liveness": {"type": "udp"}}}, "/probes/liveness/type"),
        ({"probes": {"liveness": {"successThreshold": 2}}}, "successThreshold"),
        ({"port": 0, "probes": {"liveness": {"type": "tcp"}}}, "probes.liveness needs a port"),
        ({"port": 0, "exposure": INGRESS}, "exposure needs a port"),
        ({"port": 0, "networkPolicy": {"ingressFrom": ["a"]}}, "networkPolicy.ingressFrom needs a port"),
        ({"extraPorts": {"http": 81}}, "http is the name of the service's own port"),
        ({"extraPorts": {"much-too-long-name": 81}}, "at most 15 characters"),
        ({"extraPorts": {"a--b": 81}}, "/extraPorts"),
        ({"extraPorts": {"web": 80}}, "extraPorts.web and service.port are both 80"),
        ({"serviceMonitor": {"enabled": True, "port": "other"}}, "serviceMonitor.port other is not in extraPorts"),
        ({"kind": "CronJob"}, "needs cronJob.schedule"),
        ({"kind": "CronJob", "cronJob": {"schedule": "61 * * * *"}}, "/cronJob/schedule"),
        ({"kind": "CronJob", "cronJob": {"schedule": "* * * *"}}, "/cronJob/schedule"),
        ({"kind": "Job", "autoscaling": {"enabled": True}}, "autoscaling does not go with kind Job"),
        ({"statefulSet": {"claims": {"data": {"path": "/d", "size": "1Gi"}}}}, "needs kind StatefulSet"),
        ({"autoscaling": {"enabled": True, "targetCPUUtilizationPercentage": 0}}, "autoscaling needs a target"),
        ({"autoscaling": {"metrics": {"m": {"type": "Pods", "value": "1"}}}}, "/autoscaling/metrics/m"),
        ({"tolerations": [{"key": "a", "tolerationSeconds": 5}]}, "/tolerations/0"),
        ({"tolerations": [{"effect": "NoSchedule"}]}, "/tolerations/0"),
        ({"affinity": {"nodeAffinity": {"required": []}}}, "/affinity/nodeAffinity"),
        ({"topologySpread": [{"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}]}, "maxSkew"),
        ({"nodeSelector": {"a": "b c"}}, "/nodeSelector/a"),
        ({"podLabels": {"app.kubernetes.io/name": "x"}}, "the chart sets the label app.kubernetes.io/name"),
        ({"lifecycle": {"preStop": {"exec": {"command": ["a"]}, "sleep": {"seconds": 1}}}}, "/lifecycle/preStop"),
        ({"lifecycle": {"preStop": {"sleep": {"seconds": 40}}}}, "must be longer than lifecycle.preStop.sleep"),
        ({"networkPolicy": {"egressCIDRs": [{"cidr": "10.0.0.300/8"}]}}, "/networkPolicy/egressCIDRs/0/cidr"),
        ({"networkPolicy": {"internet": ["api.example.com"]}}, "/networkPolicy/internet"),
        ({"exposure": {**INGRESS, "rules": [{"host": "a/b"}]}}, "/exposure/rules/0/host"),
        ({"exposure": {**INGRESS, "rules": [{"host": "a", "paths": [{"path": "/a//b"}]}]}}, "path"),
        ({"exposure": {**INGRESS, "rules": [{"host": "todo.example.com"}]}}, "is there twice"),
        ({"service": {"externalTrafficPolicy": "Local"}}, "/service/type"),
        ({"service": {"loadBalancerSourceRanges": ["10.0.0.0/8"]}}, "/service/type"),
        ({"containers": [{"name": "a"}]}, "/containers/0"),
        ({"containers": [{"name": "backend-api", "resources": RESOURCES}]}, "two containers are named backend-api"),
        ({"containers": [{"name": "a", "resources": RESOURCES, "mounts": {"x": "/x"}}]}, "mounts the volume x"),
        ({"imagePullSecrets": ["a..b"]}, "/imagePullSecrets/0"),
        ({"envFrom": [{"secret": "a.-b"}]}, "/envFrom/0/secret"),
        ({"priorityClassName": "a-.b"}, "/priorityClassName"),
        ({"secretEnv": {"A": {"secret": "s", "key": ".."}}}, "/secretEnv/A/key"),
        ({"secretEnv": {"A": {"secret": "s", "key": "."}}}, "/secretEnv/A/key"),
        ({"configEnv": {"A": {"configMap": "c", "key": "..a"}}}, "/configEnv/A/key"),
        ({"volumes": {"a": {"secret": "x", "items": {"..": "p"}, "path": "/a"}}}, "/volumes/a/items"),
        ({"exposure": {**INGRESS, "host": "10.0.0.1"}}, "/exposure/host"),
        ({"exposure": {**INGRESS, "rules": [{"host": "192.168.1.1"}]}}, "/exposure/rules/0/host"),
        ({"kind": "CronJob", "cronJob": {"schedule": "@daily", "timeZone": "Local"}}, "/cronJob/timeZone"),
        ({"nodeSelector": {"a..b/c": "d"}}, "/nodeSelector"),
        ({"podAnnotations": {"a.-b/c": "d"}}, "/podAnnotations"),
        ({"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}, "/tolerations/0"),
        (
            {"topologySpread": [{"maxSkew": 1, "topologyKey": "a..b/c", "whenUnsatisfiable": "DoNotSchedule"}]},
            "topologyKey",
        ),
        (
            {
                "topologySpread": [
                    {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway", "minDomains": 2}
                ]
            },
            "/topologySpread/0/whenUnsatisfiable",
        ),
        ({"dapr": {"annotations": {"dapr.io/app-port": "70000"}}}, "app-port"),
    ],
)
def test_refused(helm: Helm, values: dict[str, Any], message: str) -> None:
    with pytest.raises(RenderError) as error:
        helm.service(**values)
    assert message in str(error.value)


@pytest.mark.parametrize(("request_", "limit"), [("1", "1000m"), ("1024Ki", "1Mi"), ("1000000", "1M"), ("9Gi", "1Ti")])
def test_requests_that_fit_their_limits(helm: Helm, request_: str, limit: str) -> None:
    kind = "cpu" if limit == "1000m" else "memory"
    helm.service(resources={"requests": {kind: request_}, "limits": {kind: limit}})


@pytest.mark.parametrize("kind", ["CronJob", "StatefulSet"])
def test_names_that_leave_no_room_for_what_kubernetes_adds(helm: Helm, kind: str) -> None:
    values = merged(minimal_values("service"), {"kind": kind, "cronJob": {"schedule": "@daily"}})
    with pytest.raises(RenderError, match="at most 52 characters"):
        helm.render("service", values, "a" * 53, "todo-staging")


@pytest.mark.parametrize("name", [name for name in ODD if "." not in name])
def test_names_that_yaml_reads_as_something_else_are_text(helm: Helm, name: str) -> None:
    port = name if name.isalpha() else "y"
    values = {
        "kind": "StatefulSet",
        "statefulSet": {"claims": {f"c-{name}": {"path": "/data", "size": "1000", "className": name}}},
        "writable": {f"/{name}": "1000"},
        "volumes": {name + "-v": {"configMap": name}, "s": {"secret": name}, "p": {"claim": name}},
        "envFrom": [{"secret": name, "prefix": "NO"}, {"configMap": name}],
        "configEnv": {"Y": {"configMap": name, "key": name}},
        "containers": [{"name": name + "-c", "resources": RESOURCES, "mounts": {name + "-v": "/v"}, "command": [name]}],
        "nodeSelector": {"on": name},
        "podLabels": {"no": name},
        "priorityClassName": name,
        "extraPorts": {port: 9000},
        "serviceMonitor": {"enabled": True, "port": port},
        "networkPolicy": {"peers": [{"namespaces": [name]}]},
        "exposure": {"api": "gateway", "gateway": {"name": name, "namespace": name}, "rules": [
            {"host": name, "paths": [{"path": "/"}, {"path": "/x", "service": name, "port": 80}]}]},
    }  # fmt: skip
    objects = helm.render("service", merged(minimal_values("service"), values), name, name)
    assert not [text for item in objects for text in _names(item) if not isinstance(text, str)]
    assert pick(objects, "ServiceMonitor")["spec"]["endpoints"][0]["port"] == port
    spec = pick(objects, "StatefulSet")["spec"]["template"]["spec"]
    assert (spec["nodeSelector"], spec["priorityClassName"]) == ({"on": name}, name)
    assert spec["containers"][1]["command"] == [name]
