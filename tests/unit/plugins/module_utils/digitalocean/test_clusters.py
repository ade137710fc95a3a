"""Clusters are shown without what DigitalOcean adds, whatever the API leaves out."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.clusters import (
    find_cluster,
    own_tags,
    shown,
    shown_options,
    the_cluster,
)
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.digitalocean.server import FakeDigitalOcean
from tests.unit.plugins.module_utils.digitalocean.conftest import api, body, failure


def test_a_cluster_as_it_is_returned(cloud: FakeDigitalOcean) -> None:
    made = api(cloud).create_cluster(body(tags=["web", "todo"]))
    found = shown(the_cluster(api(cloud), "todo", None))
    assert found["tags"] == ["todo", "web"]
    assert (found["state"], found["ha"], found["version"]) == ("provisioning", False, "1.36.3-do.0")
    (pool,) = found["node_pools"]
    assert (pool["name"], pool["count"], pool["tags"], pool["labels"]) == ("app", 2, [], {})
    assert [each["state"] for each in pool["nodes"]] == ["provisioning", "provisioning"]
    assert find_cluster(api(cloud), None, made["id"])


def test_what_the_contract_does_not_require_may_be_missing() -> None:
    found = shown({"name": "todo", "region": "fra1", "version": "1.36.3-do.0", "node_pools": [{}]})
    assert (found["state"], found["maintenance"], found["autoscaler"]) == ("", {"day": "", "start_time": ""}, {})
    assert found["node_pools"][0]["name"] == ""


def test_a_cluster_that_is_not_there(cloud: FakeDigitalOcean) -> None:
    assert find_cluster(api(cloud), "todo", None) is None
    assert failure(the_cluster, api(cloud), "todo", None).code is Code.NOT_FOUND
    assert failure(the_cluster, api(cloud), None, "../account").code is Code.INVALID_INPUT


def test_tags_that_look_like_the_providers() -> None:
    assert own_tags(["k8s", "k8s:worker", "k8s:bd5f", "k8sx", "a"]) == ["a", "k8sx"]
    assert own_tags(None) == []


def test_what_a_new_cluster_may_have(cloud: FakeDigitalOcean) -> None:
    assert shown_options(api(cloud).options())["versions"][0] == "1.36.3-do.0"
