"""Which pods need a sidecar, which have one, and whether it fits."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.readiness.daprd import (
    describe_misread,
    enabled,
    explained,
    image_version,
    judge_app,
    lacks_sidecar,
    misread,
    pods_of,
    problems,
    same_minor,
    sidecar_of,
)

ON = {"dapr.io/enabled": "true", "dapr.io/app-id": "api"}


def pod(name: str = "api-1", form: str = "container", ready: bool = True, **meta: Any) -> dict[str, Any]:
    side = {"name": "daprd", "image": "ghcr.io/dapr/daprd:1.14.0"}
    key, statuses = {
        "container": ("containers", "containerStatuses"),
        "native": ("initContainers", "initContainerStatuses"),
        "none": ("", ""),
    }[form]
    spec: dict[str, Any] = {"containers": [{"name": "app", "image": "r/api:1"}]}
    status: dict[str, Any] = {"phase": "Running"}
    if key:
        spec[key] = [*spec.get(key, []), side]
        status[statuses] = [{"name": "daprd", "ready": ready}]
    return {
        "metadata": {"name": name, "labels": {"app": "api"}, "annotations": ON, **meta},
        "spec": spec,
        "status": status,
    }


def workload(annotations: dict[str, str] | None = None) -> dict[str, Any]:
    template = {"metadata": {"annotations": ON if annotations is None else annotations}}
    return {
        "kind": "Deployment",
        "metadata": {"name": "api"},
        "spec": {"template": template, "selector": {"matchLabels": {"app": "api"}}},
    }


@pytest.mark.parametrize("value", ["true", "True", "TRUE", True])
def test_enabled(value: Any) -> None:
    assert enabled({"dapr.io/enabled": value})
    assert misread({"dapr.io/enabled": value}) == ""


@pytest.mark.parametrize("value", ["yes", "YES", "y", "on", "1", "t", " true", "true\n", "'true'"])
def test_what_dapr_does_not_take_for_true(value: str) -> None:
    assert not enabled({"dapr.io/enabled": value})
    assert misread({"dapr.io/enabled": value}) == value
    app = judge_app(workload({"dapr.io/enabled": value}), [pod(form="none", annotations={"dapr.io/enabled": value})])
    assert app is not None
    assert (app.expected, app.lacking) == (0, ())
    assert "\n" not in describe_misread(app)


@pytest.mark.parametrize("value", ["", "false", "no", "0", "truee", "ja"])
def test_what_nobody_means_as_true(value: str) -> None:
    assert misread({"dapr.io/enabled": value}) == ""


@pytest.mark.parametrize("annotations", [None, {}, {"dapr.io/enabled": "false"}, {"dapr.io/enabled": ""}])
def test_not_enabled(annotations: Any) -> None:
    assert not enabled(annotations)


@pytest.mark.parametrize("form", ["container", "native"])
def test_both_forms_are_found(form: str) -> None:
    found = sidecar_of(pod(form=form))
    assert found is not None
    assert found[0] == form
    app = judge_app(workload(), [pod(form=form)])
    assert app is not None
    assert (app.pods, app.injected, app.ready, app.version, app.form) == (1, 1, 1, "1.14.0", form)


def test_a_pod_without_it_is_named() -> None:
    app = judge_app(workload(), [pod("api-1"), pod("api-2", form="none")])
    assert app is not None
    assert (app.injected, app.expected, app.lacking) == (1, 2, ("api-2",))
    ((code, _, text),) = problems([app], "1.14.0")
    assert (code, text) == ("sidecar_missing", "api: pod api-2 runs without its Dapr sidecar")


@pytest.mark.parametrize(
    "other",
    [
        pod(form="none", deletionTimestamp="2026-11-21T10:00:00Z"),
        {**pod(form="none"), "status": {"phase": "Succeeded"}},
        pod(form="none", annotations={}),
    ],
)
def test_who_needs_none(other: dict[str, Any]) -> None:
    assert not lacks_sidecar(other)


def test_a_workload_that_wants_none_is_no_app() -> None:
    assert judge_app(workload({}), [pod(form="none")]) is None


def test_unready_and_old_sidecars_are_reported() -> None:
    app = judge_app(workload(), [pod(ready=False)])
    assert app is not None
    assert [code for code, _, _ in problems([app], "1.18.3")] == ["sidecar_not_ready", "sidecar_version"]


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("ghcr.io/dapr/daprd:1.14.0", "1.14.0"),
        ("localhost:5000/daprd:v1.18.3", "1.18.3"),
        ("r/daprd:1.15.0-rc.1@sha256:abc", "1.15.0-rc.1"),
        ("r/daprd:1.14.0-mariner", "1.14.0"),
        ("r/daprd@sha256:abc", ""),
        ("localhost:5000/daprd", ""),
    ],
)
def test_versions_of_images(image: str, version: str) -> None:
    assert image_version(image) == version


@pytest.mark.parametrize(
    ("daprd", "plane", "fits"),
    [("1.14.0", "1.14.4", True), ("1.14.0", "1.15.0", False), ("", "1.15.0", True), ("1.14.0", "", True)],
)
def test_a_sidecar_fits_the_control_planes_minor_version(daprd: str, plane: str, fits: bool) -> None:
    assert same_minor(daprd, plane) is fits


REPLICA_SET = [{"kind": "ReplicaSet", "uid": "rs", "controller": True}]
JOB = [{"kind": "Job", "uid": "job", "controller": True}]


def test_pods_are_found_by_selector_and_owner_and_an_empty_selector_takes_none() -> None:
    pods = [
        pod("a", ownerReferences=REPLICA_SET),
        pod("other", labels={"app": "x"}, ownerReferences=REPLICA_SET),
        pod("job", ownerReferences=JOB),
        pod("debug"),
    ]
    assert [p["metadata"]["name"] for p in pods_of(workload(), pods)] == ["a"]
    assert pods_of({"kind": "Deployment", "metadata": {}, "spec": {}}, pods) == []
    assert pods_of({"kind": "StatefulSet", "metadata": {"uid": "job"}, "spec": workload()["spec"]}, pods) == [pods[2]]


def test_selectors_by_expressions_count() -> None:
    expressions = [{"key": "app", "operator": "NotIn", "values": ["web"]}]
    app = {**workload(), "spec": {"selector": {"matchExpressions": expressions}}}
    assert len(pods_of(app, [pod("a", ownerReferences=REPLICA_SET)])) == 1


def test_a_configuration_that_is_not_there_is_named_instead_of_its_consequence() -> None:
    cause = "Fatal error from runtime: failed to get configuration\\nno X509 SVID available"
    app = {"metadata": {"annotations": {"dapr.io/config": "tracing"}}}
    assert explained(cause, app).startswith("Dapr's Configuration tracing (dapr.io/config) is not there")
    assert explained(cause, {"metadata": {}}) == cause
    assert explained("no X509 SVID available", app) == "no X509 SVID available"
