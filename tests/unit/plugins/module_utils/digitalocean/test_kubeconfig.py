"""A kubeconfig ends soon, goes into a private file, and leaves other contexts alone."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.kubeconfig import fetch, keep
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.known_secrets import KNOWN

from tests.support.digitalocean.server import FakeDigitalOcean
from tests.unit.plugins.module_utils.digitalocean.conftest import api, body, failure

_OTHER: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "kind",
    "clusters": [{"name": "kind", "cluster": {"server": "https://127.0.0.1:6443"}}],
    "users": [{"name": "kind", "user": {"token": "others"}}],
    "contexts": [{"name": "kind", "context": {"cluster": "kind", "user": "kind"}}],
}


@pytest.fixture
def cluster(cloud: FakeDigitalOcean) -> Any:
    made = api(cloud).create_cluster(body())
    cloud.account.clock.sleep(300)
    return api(cloud).cluster(made["id"])


def test_it_is_fetched_with_a_short_life(cloud: FakeDigitalOcean, cluster: Any) -> None:
    found = fetch(api(cloud), cluster, 900, now=lambda: 1000.0)
    assert (found.context, found.expires) == ("do-fra1-todo", 1900)
    token = found.content["users"][0]["user"]["token"]
    assert token.startswith("dop_v1_kube_900_")
    assert token not in KNOWN.hidden_in(f"token {token}")
    assert "kube_900" not in repr(found)
    assert found.as_result()["kubeconfig"]["clusters"][0]["cluster"]["server"] == cluster["endpoint"]


@pytest.mark.parametrize("seconds", [0, 10, -1])
def test_seven_days_are_not_given_by_accident(cloud: FakeDigitalOcean, cluster: Any, seconds: int) -> None:
    assert failure(fetch, api(cloud), cluster, seconds).code is Code.INVALID_INPUT


def test_a_cluster_that_is_being_made_has_none(cloud: FakeDigitalOcean) -> None:
    assert failure(fetch, api(cloud), api(cloud).create_cluster(body()), 900).code is Code.NOT_FOUND


@pytest.mark.parametrize("text", ["<html>", "a: [", "current-context: x", "- a", '{"contexts": 1}'])
def test_an_answer_that_is_none(cloud: FakeDigitalOcean, cluster: Any, text: str) -> None:
    cloud.kubeconfig = text
    assert failure(fetch, api(cloud), cluster, 900).code is Code.CLOUD_ERROR


def test_other_contexts_stay(cloud: FakeDigitalOcean, cluster: Any, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(_OTHER))
    path.chmod(0o644)
    found = keep(api(cloud), cluster, 900, path)
    assert found.changed
    assert "kubeconfig" not in found.as_result()
    there = yaml.safe_load(path.read_text())
    assert there["current-context"] == "kind"
    assert [each["name"] for each in there["contexts"]] == ["kind", "do-fra1-todo"]
    assert there["users"][0] == _OTHER["users"][0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_it_is_renewed_after_half_of_its_life(cloud: FakeDigitalOcean, cluster: Any, tmp_path: Path) -> None:
    path = tmp_path / "new" / "config"

    def at(now: float, **more: Any) -> bool:
        return keep(api(cloud), cluster, 1000, path, now=lambda: now, **more).changed

    assert at(0.0, write=False)
    assert not path.exists()
    assert [at(0.0), at(400.0), at(600.0), at(700.0)] == [True, False, True, False]
    path.chmod(0o640)
    assert at(700.0)
    assert len(yaml.safe_load(path.read_text())["contexts"]) == 1


def test_a_new_cluster_of_the_same_name_takes_the_place_of_the_old_one(
    cloud: FakeDigitalOcean, cluster: Any, tmp_path: Path
) -> None:
    path = tmp_path / "config"
    keep(api(cloud), cluster, 900, path)
    other = api(cloud).create_cluster(body("second"))
    cloud.account.clock.sleep(300)
    keep(api(cloud), other, 900, path, "do-fra1-todo")
    (entry,) = yaml.safe_load(path.read_text())["clusters"]
    assert entry["cluster"]["server"] == other["endpoint"]


def test_a_context_of_somebody_else_is_refused(cloud: FakeDigitalOcean, cluster: Any, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(_OTHER))
    assert failure(keep, api(cloud), cluster, 900, path, "kind").code is Code.INVALID_INPUT
    assert yaml.safe_load(path.read_text()) == _OTHER


@pytest.mark.parametrize("content", [b"- a", b"a: [", b"contexts: 1", b"users: [1]"])
def test_a_file_that_is_something_else_stays(
    cloud: FakeDigitalOcean, cluster: Any, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "config"
    path.write_bytes(content)
    assert failure(keep, api(cloud), cluster, 900, path).code is Code.INVALID_INPUT
    assert path.read_bytes() == content


def test_a_link_is_followed(cloud: FakeDigitalOcean, cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "config").symlink_to(tmp_path / "real")
    keep(api(cloud), cluster, 900, tmp_path / "config")
    assert (tmp_path / "config").is_symlink()
    assert (tmp_path / "real").is_file()
