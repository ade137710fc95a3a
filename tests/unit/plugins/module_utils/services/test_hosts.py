"""A service becomes a host with the variables of the role app_service."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.services.hosts import (
    host_variables,
    shared_variables,
)

APP = {"registry": "ghcr.io/acme", "version": "v1"}


def test_an_own_service_is_described_by_app_service() -> None:
    entry = {"port": 3000, "dapr": True, "stability_seconds": 30, "graces": {"image_pull": 5}}
    assert host_variables("web", entry, APP, "/inventory") == {
        "service_role": "app_service",
        "service_app": APP,
        "service_entry": entry,
        "app_service_name": "web",
        "app_service_sidecar": True,
        "app_service_stability_seconds": "30",
        "app_service_graces": {"image_pull": 5},
    }


def test_a_chart_of_the_repository_is_found_from_the_inventory() -> None:
    made = {chart: host_variables("x", {"chart": chart}, {}, "/shop/inventories/local") for chart in (
        "../../charts/x", "./x", "/x", "charts/x", "{{ charts }}/x",
    )}  # fmt: skip
    assert {chart: found["app_service_chart"] for chart, found in made.items()} == {
        "../../charts/x": "/shop/charts/x", "./x": "/shop/inventories/local/x", "/x": "/x", "charts/x": "charts/x",
        "{{ charts }}/x": "{{ charts }}/x",
    }  # fmt: skip


def test_manifests_are_from_the_inventorys_folder() -> None:
    found = host_variables("web", {"manifests": ["k8s", "/x/*.yaml"]}, {}, "/inventory")
    assert found["app_service_chart"] == "manifests"
    assert found["app_service_manifests"] == ["/inventory/k8s", "/x/*.yaml"]


def test_any_chart_has_its_values_and_files() -> None:
    entry = {"chart": "oci://x/y", "chart_version": "1.0.0", "values": {"a": 1}, "files": ["a.yaml", "/b.yaml"]}
    made = host_variables("web", entry, {}, "/inventory")
    assert {key: value for key, value in made.items() if key.startswith("app_service_")} == {
        "app_service_name": "web",
        "app_service_sidecar": False,
        "app_service_chart": "oci://x/y",
        "app_service_chart_version": "1.0.0",
        "app_service_role_values": {"a": 1},
        "app_service_files": ["/inventory/a.yaml", "/b.yaml"],
    }


def test_a_role_says_the_rest() -> None:
    assert host_variables("backend-api", {"role": "backend_api", "image": "api:v2"}, APP, "/inventory") == {
        "service_role": "backend_api",
        "service_app": APP,
        "service_entry": {"role": "backend_api", "image": "api:v2"},
        "backend_api_image": "ghcr.io/acme/api:v2",
    }


def test_all_hosts_are_told_what_differs_from_what_is_usual() -> None:
    usual = shared_variables({"web": {}, "api": {"port": 8080}})
    assert (sorted(usual.pop("services_observed")), usual) == (["api", "web"], {"services_callers": {}})
    made = shared_variables({
        "web": {"public": "a.example.com", "health": {"live": "/", "ready": "/up"}, "port": 3000, "calls": ["api"]},
        "api": {"port": 8000},
        "also": {"public": "b.example.com", "health": "/other"},
    })  # fmt: skip
    assert made.pop("services_observed")["web"]["metrics"] == {"port": 3000, "path": "/metrics"}
    assert made == {
        "services_callers": {"api": ["web"]},
        "services_own_ports": True,
        "services_public": [{"at": "a.example.com", "path": "/up"}, {"at": "b.example.com", "path": "/other"}],
    }


def test_pods_of_other_charts_are_told_to_the_environment() -> None:
    search = {"chart": "x", "pods": {"labels": {"app": "s"}, "ports": [1]}}
    made = shared_variables({"web": {"calls": ["search"]}, "search": search})
    assert (sorted(made["services_policies"]), made["services_relabelled"]) == (["search", "web"], ["search"])
