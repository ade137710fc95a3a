"""What holds for every object of every chart, in every shape an inventory can ask for."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
import yaml

from tests.cluster.build.parts import DAPR_CHART
from tests.unit.charts.rendering import CHARTS, Helm, RenderError, Shape, built, conform, merged, minimal_values

# Custom resources: no schema in Kubernetes' own set. Dapr's are checked against Dapr's own definitions below.
FOREIGN = {"gateway.networking.k8s.io/v1", "traefik.io/v1alpha1", "monitoring.coreos.com/v1"}
DAPR_GROUP = "dapr.io/"
ENVIRONMENT_CHARTS = {"service", "environment", "dapr-components", "observability"}
NAMES = ["service", "environment", "dapr-components", "kafka", "observability"]


def pod_templates(shape: Shape) -> list[dict[str, Any]]:
    return [o["spec"]["template"] for o in shape.objects if o["kind"] in ("Deployment", "StatefulSet")]


def containers(shape: Shape) -> list[dict[str, Any]]:
    specs = [template["spec"] for template in pod_templates(shape)]
    return [c for spec in specs for c in [*spec["containers"], *spec.get("initContainers", [])]]


def test_every_object_is_valid_kubernetes(shape: Shape) -> None:
    assert shape.objects
    apis = {item["apiVersion"] for item in shape.objects}
    own = {api for api in apis if api not in FOREIGN and not api.startswith(DAPR_GROUP)}
    conform(item for item in shape.objects if item["apiVersion"] in own)


def closed(schema: Any) -> Any:
    """The schema with unknown fields refused, which the API server would drop without a word."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    if "properties" in result and not result.get("x-kubernetes-preserve-unknown-fields"):
        result.setdefault("additionalProperties", False)
    return result


@pytest.fixture(scope="session")
def dapr_schemas() -> dict[str, Any]:
    """Version and kind -> the schema in the definitions that Dapr's chart carries."""
    schemas = {}
    for file in built(f"{DAPR_CHART.place}/crds").glob("*.yaml"):
        for crd in filter(None, yaml.safe_load_all(file.read_text())):
            for version in crd["spec"]["versions"]:
                schema = closed(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = {"type": "object"}
                schemas[f"{DAPR_GROUP}{version['name']} {crd['spec']['names']['kind']}"] = schema
    return schemas


def test_dapr_objects_fit_daprs_own_definitions(shape: Shape, dapr_schemas: dict[str, Any]) -> None:
    found = [o for o in shape.objects if o["apiVersion"].startswith(DAPR_GROUP)]
    assert bool(found) == (shape.chart == "dapr-components")
    for o in found:
        jsonschema.Draft7Validator(dapr_schemas[f"{o['apiVersion']} {o['kind']}"]).validate(o)


def test_pods_are_restricted(shape: Shape) -> None:
    for template in pod_templates(shape):
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert all({"emptyDir", "configMap", "projected", "secret"} & volume.keys() for volume in pod["volumes"])
    for container in containers(shape):
        context = container["securityContext"]
        assert context == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not any("hostPort" in port for port in container.get("ports", []))


def test_every_container_has_requests_and_limits(shape: Shape) -> None:
    for container in containers(shape):
        for kind in ("requests", "limits"):
            assert container["resources"][kind].keys() == {"cpu", "memory"}


def test_nothing_but_references_to_secrets(shape: Shape) -> None:
    assert not [o for o in shape.objects if o["kind"] == "Secret"]
    for container in containers(shape):
        for variable in container.get("env", []):
            if re.search("PASSWORD|SECRET_KEY|TOKEN|DATABASE_URL", variable["name"]):
                assert variable["valueFrom"]["secretKeyRef"].keys() == {"name", "key"}


def test_neither_namespaces_nor_definitions_nor_hooks(shape: Shape) -> None:
    for o in shape.objects:
        assert o["kind"] not in ("Namespace", "CustomResourceDefinition")
        assert not any(key.startswith("helm.sh/hook") for key in o["metadata"].get("annotations", {}))
        assert o["metadata"].get("namespace") in (None, shape.namespace)


def test_labels(shape: Shape) -> None:
    for o in shape.objects:
        labels = o["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == shape.release
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["helm.sh/chart"].startswith(shape.chart + "-")
        if shape.chart in ENVIRONMENT_CHARTS:
            assert labels["todo.cloud/environment"] == "ci"
    for template in pod_templates(shape):
        assert "helm.sh/chart" not in template["metadata"]["labels"], "a new chart version alone must roll no pod"


def test_pods_have_what_their_owner_selects(shape: Shape) -> None:
    for o in shape.objects:
        if o["kind"] in ("Deployment", "StatefulSet"):
            wanted = o["spec"]["selector"]["matchLabels"]
            assert wanted == {"app.kubernetes.io/name": shape.release, "app.kubernetes.io/instance": shape.release}
            assert wanted.items() <= o["spec"]["template"]["metadata"]["labels"].items()


def test_names_are_unique(shape: Shape) -> None:
    names = [(o["apiVersion"], o["kind"], o["metadata"]["name"]) for o in shape.objects]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("chart", NAMES)
def test_lint_is_clean(helm: Helm, chart: str) -> None:
    values = CHARTS / chart / "ci" / "minimal-values.yaml"
    files = ["--values", str(values)] if values.exists() else []
    message = helm.run("lint", "--strict", "--quiet", str(CHARTS / chart), *files)
    assert "WARNING" not in message


@pytest.mark.parametrize("chart", NAMES)
def test_chart_has_a_semantic_version_and_no_crds(chart: str) -> None:
    described = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())
    assert described["name"] == chart
    assert re.fullmatch(r"\d+\.\d+\.\d+", described["version"])
    assert not (CHARTS / chart / "crds").exists()


@pytest.mark.parametrize("chart", NAMES)
def test_schema_knows_every_value_and_nothing_else(chart: str) -> None:
    """Each value of values.yaml (and of the minimal values) has a place in the schema; each place refuses strangers."""
    schema = json.loads((CHARTS / chart / "values.schema.json").read_text())
    defaults = yaml.safe_load((CHARTS / chart / "values.yaml").read_text())
    values = merged(defaults, minimal_values(chart))
    jsonschema.Draft7Validator(schema).validate(values)
    assert values.keys() == schema["properties"].keys()

    def walk(node: Any, where: str) -> None:
        if isinstance(node, dict):
            if "properties" in node and "then" not in where.split("/") and "if" not in where.split("/"):
                assert "additionalProperties" in node, where
            for key, child in node.items():
                walk(child, f"{where}/{key}")
        elif isinstance(node, list):
            for number, child in enumerate(node):
                walk(child, f"{where}/{number}")

    walk(schema, chart)


@pytest.mark.parametrize("chart", NAMES)
def test_every_schema_definition_is_used(chart: str) -> None:
    text = (CHARTS / chart / "values.schema.json").read_text()
    for name in json.loads(text)["definitions"]:
        assert f'"#/definitions/{name}"' in text


@pytest.mark.parametrize("chart", NAMES)
@pytest.mark.parametrize("stranger", [{"nosuch": 1}, {"image": {"tag": "x"}}])
def test_unknown_and_misshapen_values_are_refused(helm: Helm, chart: str, stranger: dict[str, Any]) -> None:
    with pytest.raises(
        RenderError, match=r"additional properties '(nosuch|image)' not allowed|at '/image': got object, want string"
    ):
        helm.render(chart, merged(minimal_values(chart), stranger), "x", "y")
