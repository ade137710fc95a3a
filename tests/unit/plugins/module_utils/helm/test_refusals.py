"""What the cluster refuses to Helm: named, with what to do. Texts of Helm 4.3 and 3.22 on Kubernetes 1.36."""

from __future__ import annotations

import time

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.helm.errors import HelmError, error_of

HOOK = (
    "Error: server-side apply failed for object shop/cm /v1, Kind=ConfigMap: Internal error occurred: failed calling "
    'webhook "validate.example.com": failed to call webhook: Post "https://hook.ops.svc:443{path}?timeout=5s": {reason}'
)
WEBHOOKS = [
    (
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        "its certificate is not trusted",
    ),
    ('service "hook" not found', "its Service does not exist"),
    ("dial tcp 10.96.12.165:443: connect: connection refused", "nothing answers there"),
    ('no endpoints available for service "hook"', "nothing answers there"),
    ("context deadline exceeded", "it did not answer in time"),
    ("the server could not find the requested resource", "it failed"),
]
STATEFUL_SET = (
    '{start}StatefulSet.apps "db" is invalid: spec: Forbidden: updates to statefulset spec for fields other than '
    "'replicas', 'ordinals', 'template' and 'minReadySeconds' are forbidden"
)
IMMUTABLE = [
    ('Deployment.apps "api" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
     "spec.selector of Deployment api", "kubectl -n shop delete deployment api."),
    (STATEFUL_SET.format(start=""), "spec of StatefulSet db", "kubectl -n shop delete statefulset db --cascade=orphan"),
    (f'Job.batch "migrate" is invalid: spec.template: Invalid value: {{"Volumes":{"null," * 400}}}: field is immutable',
     "spec.template of Job migrate", "so that it runs again: kubectl -n shop delete job migrate"),
    ('PersistentVolumeClaim "data" is invalid: spec: Forbidden: spec is immutable after creation except '
     "resources.requests and volumeAttributesClassName for bound claims\n  core.PersistentVolumeClaimSpec{ ...",
     "spec of PersistentVolumeClaim data", "copy the data to a claim of another name"),
    ('ConfigMap "cm" is invalid: data: Forbidden: field is immutable when `immutable` is set',
     "data of ConfigMap cm", "give it another name whenever its content changes"),
    ('RoleBinding.rbac.authorization.k8s.io "rb" is invalid: roleRef: Invalid value: {}: cannot change roleRef',
     "roleRef of RoleBinding rb", "kubectl -n shop delete rolebinding rb"),
    ('Service "svc" is invalid: spec.clusterIP: Invalid value: "": field is immutable',
     "spec.clusterIP of Service svc", "kubectl -n shop delete service svc"),
    ('StorageClass.storage.k8s.io "fast" is invalid: parameters: Forbidden: updates to parameters are forbidden.',
     "parameters of StorageClass fast", "kubectl -n shop delete storageclass fast"),
    ('Pod "once" is invalid: spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`',
     "spec of Pod once", "kubectl -n shop delete pod once"),
    ('Database.example.org "main" is invalid: spec.engine: Invalid value: "string": Value is immutable',
     "spec.engine of Database main", "kubectl -n shop delete database main"),
]  # fmt: skip
STARTS = [
    "Error: UPGRADE FAILED: server-side apply failed for object shop/x apps/v1, Kind=Y: ",
    'level=WARN msg="upgrade failed" name=x error="noise"\nError: UPGRADE FAILED: cannot patch "x" with kind Y: ',
]
NO_MATCH = (
    'Error: {what}: resource mapping not found for name: "gone" namespace: "" from "": no matches for kind '
    '"PodDisruptionBudget" in version "policy/v1beta1"\nensure CRDs are installed first'
)


def of(text: str) -> HelmError:
    return error_of("upgrade", "shop-api", text, "shop")


@pytest.mark.parametrize("path", ["/validate", "/v2/validate"])
@pytest.mark.parametrize(("reason", "what"), WEBHOOKS)
def test_a_webhook_is_named_and_tried_again(reason: str, what: str, path: str) -> None:
    found = of(HOOK.format(path=path, reason=reason))
    assert (found.failure.code, found.transient) == (Code.WEBHOOK_DOWN, True)
    assert f"the admission webhook validate.example.com cannot be called: {what}" in found.failure.message
    assert "Service hook in ops" in found.failure.message
    assert "kubectl get validatingwebhookconfigurations" in found.failure.message
    assert found.failure.details["webhook"] == "validate.example.com"


def test_a_conversion_webhook_is_named_and_its_kind_is_not_to_be_deleted() -> None:
    text = HOOK.format(path="/convert", reason="dial tcp 10.96.12.165:443: connect: connection refused")
    before, _failed, after = text.partition('failed calling webhook "validate.example.com": failed to call webhook: ')
    found = of(f"{before}conversion webhook for example.org/v1, Kind=Database failed: {after}")
    assert (found.failure.code, found.transient) == (Code.WEBHOOK_DOWN, True)
    message = found.failure.message
    assert "the conversion webhook of Database (example.org/v1) cannot be called: nothing answers there" in message
    assert "Service hook in ops" in message
    assert "delete" not in message


@pytest.mark.parametrize("start", STARTS, ids=["helm 4", "helm 3"])
@pytest.mark.parametrize(("text", "field", "remedy"), IMMUTABLE)
def test_a_field_that_cannot_be_changed(start: str, text: str, field: str, remedy: str) -> None:
    found = of(start + text)
    assert (found.failure.code, found.transient) == (Code.IMMUTABLE_FIELD, False)
    assert f"{field} cannot be changed once it exists" in found.failure.message
    assert remedy in found.failure.message
    assert len(found.failure.message) < 400


def test_other_invalid_fields_are_not_immutable() -> None:
    text = 'Service "svc" is invalid: spec.ipFamilies[1]: Invalid value: "IPv6": not configured on this cluster'
    assert of(STARTS[0] + text).failure.code is Code.HELM_FAILED


@pytest.mark.parametrize("start", STARTS, ids=["helm 4", "helm 3"])
@pytest.mark.parametrize(
    ("rest", "remedy"),
    [
        (
            "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
            "kubectl -n shop patch deployment web --type merge -p "
            """'{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}'""",
        ),
        (
            "spec.template.spec.containers[0].livenessProbe.exec: Forbidden: may not specify more than 1 handler type",
            "set the one that is not meant to null",
        ),
        (
            "spec.template.spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type",
            "set the one that is not meant to null",
        ),
    ],
)
def test_what_a_default_left_beside_its_successor(start: str, rest: str, remedy: str) -> None:
    found = of(f'{start}Deployment.apps "web" is invalid: {rest}').failure
    assert found.code is Code.CHART_INVALID
    assert "Deployment web is refused: " in found.message
    assert rest.rpartition(": ")[2] in found.message
    assert remedy in found.message


def test_an_api_that_a_stored_manifest_names() -> None:
    found = of(NO_MATCH.format(what="UPGRADE FAILED: unable to build kubernetes objects from current release manifest"))
    assert found.failure.code is Code.API_REMOVED
    assert "helm mapkubeapis shop-api --namespace shop" in found.failure.message
    assert found.failure.details["api_version"] == "policy/v1beta1"


def test_an_api_that_a_chart_names() -> None:
    found = of(NO_MATCH.format(what="unable to build kubernetes objects from release manifest"))
    assert found.failure.code is Code.HELM_FAILED
    assert (
        "the chart has a PodDisruptionBudget of policy/v1beta1, which this cluster does not serve"
        in found.failure.message
    )


def test_long_output_takes_no_time() -> None:
    before = time.process_time()
    assert of("Error: " + "x" * 500_000).failure.code is Code.HELM_FAILED
    assert time.process_time() - before < 5
