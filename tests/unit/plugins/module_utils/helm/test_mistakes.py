"""Mistakes in charts: one sentence that names the object, the cause and what to do; texts of Helm 4.3."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.helm.errors import error_of
from ansible_collections.todo.cloud.plugins.module_utils.helm.mistakes import mistake_of

TYPED = "server-side apply failed for object ns/x {0}: failed to create typed patch object (ns/x; {0}): {1}"


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("an error occurred while checking for chart dependencies. You may need to run `helm dependency build` to "
         "fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: redis, common",
         ("charts/: redis, common", "helm dependency build")),
        ("library charts are not installable", ("is a library", "dependency of another chart")),
        ("chart requires kubeVersion: >=9.0.0 which is incompatible with Kubernetes v1.36.3\n\nUse --debug flag to "
         "render out invalid YAML", ("for Kubernetes >=9.0.0", "has v1.36.3")),
        ("server-side apply failed for object ns/ batch/v1, Kind=Job: resource name may not be empty",
         ("a Job of the chart has no metadata.name", "generateName")),
        ('unable to continue with install: could not get information about the resource ConfigMap "" in namespace "ns"'
         ": resource name may not be empty", ("a ConfigMap of the chart has no metadata.name",)),
        (TYPED.format("apps/v1, Kind=Deployment", ".spec.replica: field not declared in schema"),
         ("Deployment x", ".spec.replica", "a typing error")),
        (TYPED.format("/v1, Kind=ConfigMap", ".data.port: expected string, got &value.valueUnstructured{Value:8080}"),
         (".data.port of ConfigMap x has to be a string", "{{ .Values.x | quote }}")),
        ("YAML parse error on c/templates/a.yaml: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
         "array into Go value of type util.SimpleHead", ("c/templates/a.yaml makes something else (array)", "kind")),
        (TYPED.format("rh.example.com/v1, Kind=Gizmo", ".spec.b: field not declared in schema"),
         ("Gizmo x has a field .spec.b", "CustomResourceDefinition", "apply --server-side -f CHART/crds")),
        (TYPED.format("networking.k8s.io/v1, Kind=Ingress", ".spec.b: field not declared in schema"),
         ("Ingress x", "of a newer Kubernetes")),
        ("server-side apply failed for object ns/x /v1, Kind=Secret: failed to convert new object (ns/x; /v1, "
         "Kind=Secret) to proper version: unable to convert unstructured object to /v1, Kind=Secret: error decoding "
         "from json: illegal base64 data at input byte 8", ("data of Secret x is not base64", "stringData")),
        ('unable to build kubernetes objects from release manifest: unable to decode "": Object \'Kind\' is missing in '
         '\'{"apiVersion":"v1"}\'', ("makes an object without kind",)),
        ('unable to build kubernetes objects from release manifest: unable to decode "": json: cannot unmarshal bool '
         "into Go struct field ObjectMeta.metadata.name of type string", ("is a bool, not text", "in quotes")),
        ("server-side apply failed for object ns/boot /v1, Kind=Secret: metadata.managedFields must be nil",
         ("Secret boot has metadata.managedFields", "lookup gives the whole object")),
        (TYPED.format("apps/v1, Kind=Deployment", ".spec.replicas: expected numeric (int or float), got string"),
         (".spec.replicas of Deployment x has to be a number (without quotes)",)),
        ("server-side apply failed for object ns/x apps/v1, Kind=Deployment: failed to convert new object (ns/x; "
         "apps/v1, Kind=Deployment) to proper version: unable to convert unstructured object to apps/v1, "
         "Kind=Deployment: cannot convert float64 to int32",
         ("Deployment x has a value of a type that the API server does not take: cannot convert float64 to int32",)),
        ("invalid chart apiVersion", ("neither v1 nor v2",)),
        ("unable to load chart archive", ("no whole archive",)),
        ("file '/x/c.tgz' does not appear to be a gzipped archive; got 'text/plain'", ("no whole archive",)),
        ("unable to build kubernetes objects from release manifest: *unstructured.Unstructured is not a list: no Items "
         "field in this object", ("a kind that ends in List", "one by one")),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(output: str, says: tuple[str, ...]) -> None:
    found = error_of("upgrade", "api", f"Error: UPGRADE FAILED: {output}")
    assert (found.failure.code, found.transient) == (Code.CHART_INVALID, False)
    assert found.failure.message.startswith("api: ")
    assert all(text in found.failure.message for text in says), found.failure.message
    assert "--debug" not in found.failure.message


def test_a_secrets_value_is_not_repeated() -> None:
    text = TYPED.format("/v1, Kind=Secret", ".data.pin: expected string, got &value.valueUnstructured{Value:4711}")
    failure = error_of("upgrade", "api", text).failure
    assert "4711" not in str(failure.as_result())


def test_an_object_without_kind_is_not_repeated() -> None:
    text = """unable to decode "": Object 'Kind' is missing in '{"apiVersion":"v1","stringData":{"pin":"4711"}}'"""
    assert "4711" not in str(error_of("upgrade", "api", text).failure.as_result())


def test_helms_advice_to_debug_is_left_out() -> None:
    output = "Error: NOTES.txt:1:10 executing x at <.a>: nil pointer\n\nUse --debug flag to render out invalid YAML"
    assert error_of("template", "api", output).failure.message.endswith("nil pointer")


def test_other_texts_are_none() -> None:
    assert mistake_of("api", "connection refused") is None
