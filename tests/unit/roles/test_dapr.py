"""The dapr role's trial pod, whoever deploys: Dapr's injector does not serve everybody."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

CONTROLLER = "system:serviceaccount:kube-system:replicaset-controller"
OPERATOR = {
    "metadata": {"name": "dapr-operator", "labels": {"app.kubernetes.io/version": "9.0.0"}},
    "spec": {"replicas": 1, "template": {"spec": {"containers": [{"image": "ghcr.io/dapr/operator:9.0.0"}]}}},
    "status": {"availableReplicas": 1, "readyReplicas": 1},
}
REFUSED = (
    'Failed to create object: {"message":"serviceaccounts \\"replicaset-controller\\" is forbidden: User \\"ci\\" '
    'cannot impersonate resource \\"serviceaccounts\\" in API group \\"\\" in the namespace \\"kube-system\\""}'
)


@pytest.fixture(scope="module")
def stubbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubbed]:
    with Stubbed(tmp_path_factory.mktemp("dapr")) as found:
        yield found


def platform(stubbed: Stubbed, **trial: Any) -> Run:
    """A check of the platform that another inventory manages, where the trial pod is answered so."""
    return stubbed.run(
        "platform",
        inventory({"platform": {"dapr": {}}}, platform_manage=False),
        *("-e", "_dapr_trial_retries=1"),
        answers={"kubernetes.core.k8s": trial, "kubernetes.core.k8s_info Deployment": {"resources": [OPERATOR]}},
    )


def test_the_trial_pod_is_sent_as_a_controller_that_the_injector_serves(stubbed: Stubbed) -> None:
    run = platform(stubbed)

    assert run.code == 0, run.output
    (trial,) = [call["args"] for call in run.calls if call["args"].get("impersonate_user")]
    assert trial["impersonate_user"] == CONTROLLER
    assert "name" not in trial["definition"]["metadata"], "it would be read first, which that controller may not"


def test_a_user_who_may_not_do_that_is_not_refused(stubbed: Stubbed) -> None:
    run = platform(stubbed, failed=True, msg=REFUSED, result={})

    assert run.code == 0, run.output


@pytest.mark.parametrize(
    ("trial", "reason"),
    [
        ({"result": {"spec": {"containers": [{"name": "app"}]}}}, "the pod was accepted without one"),
        ({"failed": True, "msg": 'namespaces "todo-test" not found', "result": {}}, 'namespaces "todo-test" not found'),
    ],
)
def test_the_reason_is_what_the_api_server_answered(stubbed: Stubbed, trial: dict[str, Any], reason: str) -> None:
    run = platform(stubbed, **trial)

    assert run.code != 0
    assert f"no sidecar ({reason})" in run.text.replace("''", "'"), run.output
    assert "Unknown error" not in run.text.partition("no sidecar")[2]


@pytest.mark.parametrize(
    ("slices", "lacks"),
    [
        ({"resources": []}, "has no ready pod (Service dapr-sidecar-injector in namespace dapr-system)"),
        (
            {"failed": True, "msg": "endpointslices is forbidden"},
            "could not be asked about (endpointslices is forbidden)",
        ),
    ],
)
def test_an_injector_that_does_not_come_up_is_named(stubbed: Stubbed, slices: dict[str, Any], lacks: str) -> None:
    run = stubbed.run(
        "platform",
        inventory({"platform": {"dapr": {}}}, platform_manage=False),
        *("-e", "_dapr_injector_retries=1"),
        answers={
            "kubernetes.core.k8s_info EndpointSlice": slices,
            "kubernetes.core.k8s_info Deployment": {"resources": [OPERATOR]},
        },
    )

    assert run.code != 0
    assert f"Dapr's injector {lacks}" in run.text.replace("''", "'"), run.output
    assert "kubectl logs --namespace dapr-system deploy/dapr-sidecar-injector" in run.text


def certificate(kind: str) -> str:
    """A root certificate as sentry makes it, with a key of that kind."""
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        kind,
        "-nodes",
        "-keyout",
        "/dev/null",
        "-subj",
        "/CN=cluster.local",
    ]
    curve = ["-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else []
    return subprocess.run([*command, *curve], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("running", "wanted", "key", "more", "refused"),
    [
        ("1.16.5", "1.18.2", "ec", {}, "Dapr 1.16.5 runs, and dapr_chart_version 1.18.2 skips a minor version"),
        ("1.18.2", "1.17.9", "ec", {}, "would take it back a minor version"),
        ("1.18.2", "1.17.5", "ed25519", {"dapr_downgrade": True}, "with an Ed25519 key, which versions before 1.17.7"),
        ("1.18.2", "1.17.5", "ec", {"dapr_downgrade": True}, ""),
        ("1.17.5", "1.18.2", "ed25519", {}, ""),
    ],
)
def test_versions_that_cannot_be_reached_are_refused_before_a_write(
    stubbed: Stubbed, running: str, wanted: str, key: str, more: dict[str, Any], refused: str
) -> None:
    injector = {"metadata": {"name": "dapr-sidecar-injector", "labels": {"app.kubernetes.io/version": running}}}
    bundle = {"metadata": {"name": "dapr-trust-bundle"}, "data": {"ca.crt": certificate(key)}}
    run = stubbed.run(
        "platform",
        inventory({"platform": {"dapr": {}}}, dapr_chart_version=wanted, dapr_chart_ref="oci://charts/dapr",
                  dapr_helm_binary="/none", **more),
        answers={
            "kubernetes.core.k8s_info Deployment": {"resources": [injector]},
            "kubernetes.core.k8s_info ConfigMap": {"resources": [bundle]},
        },
    )  # fmt: skip

    assert run.code != 0  # what may go on ends at the chart, which is not there
    assert refused in run.text if refused else "cannot be read: the program /none does not run" in run.text, run.output
    assert ("Nothing was changed" in run.text) == bool(refused)
    assert not (refused and {"k8s", "helm_release"} & set(run.modules()))


def test_a_chart_that_is_not_there_is_told_as_that(stubbed: Stubbed, tmp_path: Path) -> None:
    helm = tmp_path / "helm"
    helm.write_text("#!/bin/sh\nprintf 'Error: failed to fetch \\033[2J401 password=hunter2' >&2\nexit 1\n")
    helm.chmod(0o755)
    for binary, reason in (
        (str(helm), "failed to fetch \\x1b[2J401 password=***"),
        ("/none", "the program /none does not run"),
    ):
        given = {"dapr_chart_ref": "oci://charts/dapr", "dapr_helm_binary": binary}
        run = stubbed.run("platform", inventory({"platform": {"dapr": {}}}, **given))

        assert run.code != 0
        assert "Dapr's chart oci://charts/dapr (dapr_chart_ref)" in run.text.replace("''", "'"), run.output
        assert reason in run.text
        assert f"{binary} show chart oci://charts/dapr --version" in run.text
        assert "non-zero return code" not in run.text
        assert "hunter2" not in run.text
        assert "\x1b[2J" not in run.output
