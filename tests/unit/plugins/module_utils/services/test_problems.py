"""What is wrong with services is said at once and all of it, with the nearest name."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.services.problems import (
    app_problems,
    entry_problems,
    exposure_problems,
    problems,
)

APP = {"registry": "ghcr.io/acme", "version": "v1"}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"prot": 3000}, "services.web has no key 'prot'; did you mean 'port'?"),
    ({"port": "3000"}, "services.web.port is text; write the number without quotes."),
    ({"port": "http"}, "services.web.port is text; it takes port, 1 to 65535, or `none`."),
    ({"resources": {"cpu": "100"}}, "services.web.resources.cpu is '100', which is 100 cores; did you mean '100m'?"),
    ({"resources": {"memory": "128"}},
     "services.web.resources.memory is '128', which is 128 bytes; did you mean '128Mi'?"),
    ({"resources": {"cpu": "1-100m"}},
     "services.web.resources.cpu is '1-100m', which is not a request and a limit that is no less."),
    ({"resources": {"cpu": "0.5", "memory": "1Gi-{{ most }}"}}, ""),
    ({"secrets": {"KEY": "app"}}, "services.web.secrets.KEY is text, which is not secret/key."),
    ({"resources": {"cpu": "lots"}},
     "services.web.resources.cpu is 'lots', which is not CPU as request-limit, in cores or millicores (`100m-1`)."),
    ({"health": "health"}, "services.web.health is 'health', which is not a path that begins with /."),
    ({"dapr": {"publish": ["x"]}}, "services.web.dapr has no key 'publish'; did you mean 'publishes'?"),
    ({"public": {}}, "services.web.public needs either host or node_port."),
    ({"public": {"host": "a.example.com", "node_port": 30080}}, "services.web.public needs either host or node_port."),
    ({"public": {"host": "a.example.com"}, "port": "none"}, "services.web.public needs a port."),
    ({"public": ["a.example.com", {"node_port": 30080}]}, "services.web.public: a node_port stands alone."),
    ({"port": 80}, "services.web.port is below 1024, which takes `user: image` or root (`user: 0`)."),
    ({"schedule": "@daily"}, "services.web: schedule and `kind: cronjob` go together."),
    ({"kind": "cronjob"}, "services.web: schedule and `kind: cronjob` go together."),
    ({"health": {"live": "/", "tcp": 3000}}, "services.web.health needs live and ready, or one of tcp, grpc, command."),
    ({"health": {}}, "services.web.health needs live and ready, or one of tcp, grpc, command."),
    ({"volumes": {"data": {"path": "/data"}}}, "services.web.volumes.data needs one of config, secret, claim, size."),
    ({"volumes": {"data": {"path": "/data", "size": "1Gi"}}},
     "services.web.volumes.data.size needs `kind: statefulset`."),
    ({"env_from": [{"config": "a", "secret": "b"}]}, "services.web.env_from[0] needs either config or secret."),
    ({"kind": "daemonset"},
     "services.web.kind is 'daemonset'; it takes `cronjob` or `job` or `statefulset`."),
    ({"scale": {"min": 3, "max": 2}}, "services.web.scale: min is more than max."),
    ({"chart": "x", "env": {}}, "services.web.env does not go with `chart`."),
    ({"chart": "x", "public": "a.example.com"},
     "services.web.public does not go with `chart`: its Ingress or node port is in the chart; "
     "`pods: {ports: […], public: true}` lets the public endpoint in."),
    ({"chart": "x", "calls": ["api"]},
     "services.web.calls needs `pods` beside `chart`, which says whose connections these are."),
    ({"manifests": ["x"], "internet": True, "pods": {"labels": {"app": "x"}}}, ""),
    ({"pods": {"ports": [80]}}, "services.web.pods needs `chart` or `manifests`: else it follows from the other keys."),
    ({"chart": "x", "pods": {"labels": {}}},
     "services.web.pods.labels is empty, which would be all pods of the namespace."),
    ({"chart": "x", "pods": {"public": True}}, "services.web.pods.public needs ports."),
    ({"chart": "x", "pods": "{{ some }}"},
     "services.web.pods has a template for a whole list or dictionary; write it out."),
    ({"chart": "x", "pods": {"ports": "{{ some }}"}},
     "services.web.pods has a template for a whole list or dictionary; write it out."),
    ({"chart": "x", "metrics": 9100},
     "services.web.metrics needs `pods` beside `chart`, which says whose connections these are."),
    ({"chart": "x", "pods": {"ports": [80]}, "metrics": "/m"},
     "services.web.metrics needs its port: {port: 9100}. The service has none that is known."),
    ({"port": "none", "metrics": "/m"},
     "services.web.metrics needs its port: {port: 9100}. The service has none that is known."),
    ({"port": "none", "metrics": {"path": "/m", "port": 9100}}, ""),
    ({"metrics": "{{ some }}"},
     "services.web.metrics has a template, which may be a path or a port; say {port: …, path: …}."),
    ({"calls": "{{ some }}"}, "services.web.calls has a template for a whole list or dictionary; write it out."),
    ({"migrations": "{{ some }}"},
     "services.web.migrations has a template for a whole list or dictionary; write it out."),
    ({"dapr": {"publishes": "{{ some }}"}},
     "services.web.dapr.publishes has a template for a whole list or dictionary; write it out."),
    ({"resources": "{{ some }}", "env": "{{ some }}", "volumes": "{{ some }}"}, ""),
    ({"files": []}, "services.web.files needs `chart`."),
    ({"health": {"tcp": 3000, "port": 9001}}, "services.web.health.port goes with live and ready."),
    ({"migrations": {"command": ["up"], "wen": "after"}},
     "services.web.migrations has no key 'wen'; did you mean 'when'?"),
    ({"migrations": {"when": "before"}}, "services.web.migrations.command is missing."),
    ({"migrations": {"command": ["up"], "when": "later"}},
     "services.web.migrations.when is 'later'; it takes `before` or `after`; did you mean 'after'?"),
    ({"migrations": []}, "services.web.migrations has no command; it takes a list of words."),
    ({"chart": "c", "migrations": ["up"]}, "services.web.migrations does not go with `chart`."),
    ({"topics": {}}, "services.web.topics: this collection does not build that yet. Take the key out."),
    ({"env": {True: "x"}}, "services.web.env: the key True is true; it takes the name of an environment variable."),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_mistake_in_an_entry_is_named(entry: dict[str, Any], said: str) -> None:
    assert entry_problems("web", entry) == ([said] if said else [])


def test_a_key_that_is_not_indented_is_told_from_a_service() -> None:
    said = "services.port: 'port' is a key of a service. Indent it below the service's name."
    assert problems(APP, {"web": {}, "port": 3000}) == [said]
    assert entry_problems("port", {"image": "x/port:1"}) == []


def test_a_call_of_a_chart_says_which_pods_are_called() -> None:
    web: dict[str, Any] = {"calls": ["search"]}
    said = (
        "services.web calls search, whose pods this collection does not make: say on which ports they are called, "
        "services.search.pods: {ports: […]}."
    )
    assert problems(APP, {"web": web, "search": {"chart": "./x"}}) == [said]
    assert problems(APP, {"web": web, "search": {"chart": "./x", "pods": {"labels": {"app": "x"}}}}) == [said]
    assert problems(APP, {"web": web, "search": {"chart": "./x", "pods": {"ports": [7700]}}}) == []


def test_a_host_and_a_node_port_are_claimed_once() -> None:
    entries: dict[str, Any] = {
        "web": {"public": "shop.example.com"},
        "api": {"public": [{"host": "shop.example.com", "paths": ["/api", "/"]}, "api.example.com"]},
        "one": {"public": {"node_port": 30080}},
        "two": {"public": {"node_port": 30080}},
        "any": {"public": "{{ host }}"},
        "all": {"public": "{{ host }}"},
    }
    assert problems(APP, entries) == [
        "services.api.public: services.web has shop.example.com/ already; change one of them.",
        "services.two.public: services.one has node port 30080 already; change one of them.",
    ]


def test_an_image_without_a_registry_is_named() -> None:
    (said,) = problems({}, {"web": {"image": "nginx:1.29"}})
    assert said.startswith("services.web.image is 'nginx:1.29', which names no registry: say it in full")


def test_a_name_has_hyphens() -> None:
    assert entry_problems("Backend_API", {}) == [
        "services.Backend_API: names of services have hyphens; write backend-api."
    ]
    assert len(entry_problems("9lives", {})) == 1
    assert entry_problems("a" * 52, {}) == []


def test_manifests_stand_almost_alone() -> None:
    assert problems({}, {"web": {"manifests": ["k8s"]}, "crds": {"manifests": ["crds"], "after": ["web"]}}) == []
    assert entry_problems("web", {"manifests": ["a"], "port": 1, "chart": "x"}) == [
        "services.web.port does not go with `manifests`.", "services.web.chart does not go with `manifests`.",
    ]  # fmt: skip
    assert entry_problems("web", {"manifests": []}) == ["services.web.manifests names no file."]


def test_a_word_fits_where_a_path_may_stand_too() -> None:
    assert problems(APP, {"web": {"health": "none"}}) == []


def test_nothing_is_required() -> None:
    assert problems(APP, {"web": {}}) == []


def test_all_mistakes_are_named_at_once() -> None:
    assert len(problems({"nmae": "x"}, {"a": {"prot": 1}, "b": {"port": 0}, "c": []})) == 4


def test_names_of_other_services_are_looked_at_beside_other_mistakes() -> None:
    found = problems(APP, {"web": {"helth": "/", "port": "abc", "calls": ["ordrs", 7]}, "orders": {}, "odd": 3})
    assert found[-1] == "services.web.calls: there is no service 'ordrs'; did you mean 'orders'?"
    assert len(found) == 5


def test_services_that_are_not_there_are_named() -> None:
    lone = {"web": {"dapr": {"invokes": ["ap", "plain", "web"]}}, "api": {"dapr": True}, "plain": {}}
    assert problems(APP, lone) == [
        "services.web.dapr.invokes: there is no other service 'ap' with a sidecar; did you mean 'api'?",
        "services.web.dapr.invokes: there is no other service 'plain' with a sidecar.",
        "services.web.dapr.invokes: there is no other service 'web' with a sidecar.",
    ]
    found = problems(APP, {"web": {"calls": ["ap"], "needs": ["datbase"], "after": ["{{ x }}"]}, "api": {}})
    assert found == [
        "services.web.after has a template; names of services are written out.",
        "services.web.calls: there is no service 'ap'; did you mean 'api'?",
        "services.web.needs: there is no service 'datbase'; did you mean 'database'?",
    ]


def test_hosts_written_by_hand_can_be_called() -> None:
    assert problems(APP, {"web": {"calls": ["backend-api"]}}, ["backend-api"]) == []


def test_an_image_has_a_registry_and_a_tag() -> None:
    assert problems({}, {"web": {}}) == [
        "services.web.image is missing: say it in full (docker.io/library/nginx:1.29), or set app.registry."
    ]
    assert problems({"registry": "ghcr.io/acme"}, {"web": {}}) == [
        "services.web.image has no tag: say it, or set app.version."
    ]
    named: list[dict[str, Any]] = [
        {"image": "{{ x }}"}, {"image": "a/b:1"}, {"image": "a:5000/b@sha256:1"}, {"role": "x"}, {"chart": "x"},
    ]  # fmt: skip
    assert [problems({}, {"web": entry}, roles={"x": {}}) for entry in named] == [[]] * len(named)
    assert len(problems({}, {"web": {"image": "registry:5000/web"}})) == 1


def test_the_name_of_a_migrations_release_is_free_and_short_enough() -> None:
    migrated: dict[str, Any] = {"migrations": ["up"]}
    assert problems(APP, {"a": migrated, "a-migration": {}}) == [
        "services.a.migrations: a-migration, the name of its release, is a service already."
    ]
    assert problems(APP, {"x" * 43: migrated}) == []
    assert problems(APP, {"x" * 44: migrated}) == [
        f"services.{'x' * 44}: a service with migrations has a name of at most 43 characters."
    ]


def test_a_cycle_is_a_mistake() -> None:
    (said,) = problems(APP, {"a": {"calls": ["b"]}, "b": {"calls": ["a"]}})
    assert "a waits for b waits for a" in said


def test_the_app_is_checked_too() -> None:
    assert app_problems({"versoin": "v1"}) == ["app has no key 'versoin'; did you mean 'version'?"]


def test_a_role_says_what_a_service_is() -> None:
    roles: dict[str, dict[str, Any]] = {"backend_api": {}, "frontend": {"calls": ["backend-api"]}}
    assert problems(APP, {"web": {"role": "frontend"}}, roles=roles) == []
    assert problems(APP, {"web": {"role": "frontent"}}, roles=roles) == [
        "services.web.role: there is no such role 'frontent'; did you mean 'frontend'?"
    ]


def test_a_role_and_an_entry_are_checked_together() -> None:
    roles = {"worker": {"port": "none", "image": "{{ worker_image }}"}}
    assert problems(APP, {"web": {"role": "worker", "public": "a.example.com"}}, roles=roles) == [
        "services.web.public needs a port."
    ]


def test_an_entry_itself_is_no_template() -> None:
    """Nothing could follow from it."""
    assert entry_problems("web", "{{ other }}")[0].startswith("services.web is text; it takes dictionary of")


GATEWAY = {"exposure_api": "gateway", "gateway": {"name": "edge", "namespace": "gateways"}}


@pytest.mark.parametrize(
    ("public", "environment", "said"),
    [
        ("a.example.com", {}, []),
        ("a.example.com", GATEWAY, []),
        ({"host": "a.example.com", "tls": "own"}, {}, []),
        ({"host": "a.example.com", "tls": "own"}, GATEWAY, [
            "services.web.public.tls: 'own' of a.example.com has no effect, since TLS ends at the Gateway "
            "(exposure_api: gateway): put the Secret into its listener, and leave tls out."]),
        ("a.example.com", {"exposure_api": "gateway", "gateway": {"name": "edge", "namespace": ""}}, [
            "services.web is public by a Gateway (exposure_api): set gateway_namespace, of the one that is there."]),
        ("a.example.com", {"exposure_api": "route"}, ["exposure_api (route) must be ingress or gateway."]),
        ({"node_port": 30080}, {"exposure_api": "gateway"}, []),
    ],
)  # fmt: skip
def test_public_hosts_by_a_gateway(public: Any, environment: dict[str, Any], said: list[str]) -> None:
    assert exposure_problems("web", {"public": public}, environment) == said
