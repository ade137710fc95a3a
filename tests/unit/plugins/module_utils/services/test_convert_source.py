"""Which objects belong to one service."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.services.convert_source import (
    Notes,
    backends,
    each,
    groups_of,
    part,
    title_of,
)

from .conversions import INGRESS, SERVICE, deployment, item


def test_objects_come_to_the_workload_that_they_are_about() -> None:
    scaler = item("HorizontalPodAutoscaler", "x", spec={"scaleTargetRef": {"kind": "Deployment", "name": "shop-web"}})
    budget = item("PodDisruptionBudget", "y", spec={"selector": {"matchLabels": {"app": "web"}}})
    account = item("ServiceAccount", "runner")
    other = item("Service", "other", spec={"selector": {"app": "other"}})
    (group,), left = groups_of(
        [INGRESS, SERVICE, scaler, budget, account, other, deployment(serviceAccountName="runner")]
    )
    assert group.name == "web"
    assert {title_of(one) for one in group.objects} == {
        "Ingress web", "Service web", "HorizontalPodAutoscaler x", "PodDisruptionBudget y", "ServiceAccount runner",
    }  # fmt: skip
    assert left == [other]


def test_a_service_without_a_selector_belongs_to_nobody() -> None:
    (group,), left = groups_of([deployment(), item("Service", "outside", spec={"externalName": "x"})])
    assert (group.name, len(left)) == ("shop-web", 1)


def test_backends_of_both_kinds() -> None:
    route = item("HTTPRoute", "r", spec={"rules": [{"backendRefs": [{"name": "a"}, {"name": "b"}]}]})
    assert (list(backends(INGRESS)), list(backends(route))) == (["web"], ["a", "b"])


def test_odd_forms_are_empty() -> None:
    assert part({"a": [1]}, "a", "b") == {}
    assert each({"a": "x"}, "a") == []


def test_notes_are_said_once() -> None:
    notes = Notes()
    for _ in range(2):
        notes.say("x")
        notes.secret("a", "b")
    assert (notes.unsaid, notes.secrets) == (["x"], {"a": ["b"]})
