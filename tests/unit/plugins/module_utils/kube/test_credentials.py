# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose credentials count, and what is reported when there are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.credentials import Credentials
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.support.fake_api import Answer, fake_api, obj


def test_impersonation() -> None:
    with fake_api(lambda request, n: Answer(body=obj("x"))) as api:
        kube = KubeSession({**api.params, "impersonate_user": "jane", "impersonate_groups": ["a", "b"]})
        kube.get(POD, "ns", "x")
        user = kube.kubeconfig()["users"][0]["user"]
    assert api.requests[0].headers["impersonate-user"] == "jane"
    assert user["as"] == "jane"
    assert user["as-groups"] == ["a", "b"]


def test_missing_kubeconfig_is_named() -> None:
    with pytest.raises(TodoCloudError, match="/no/such/file does not exist") as caught:
        KubeSession({"kubeconfig": "/no/such/file"})
    assert caught.value.failure.code is Code.CREDENTIALS


def test_unusable_kubeconfig_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("{clusters: [], users: [], contexts: [], current-context: x}")
    with pytest.raises(TodoCloudError, match="No usable Kubernetes credentials"):
        KubeSession({"kubeconfig": str(path)})


def test_environment_variables_of_kubernetes_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_AUTH_HOST", "http://127.0.0.1:1")
    monkeypatch.setenv("K8S_AUTH_API_KEY", "from-environment")
    monkeypatch.setenv("K8S_AUTH_VERIFY_SSL", "no")
    config = KubeSession({}).kubeconfig()
    assert config["users"][0]["user"] == {"token": "from-environment"}
    assert config["clusters"][0]["cluster"] == {"server": "http://127.0.0.1:1", "insecure-skip-tls-verify": True}


def test_a_context_that_was_named_is_not_led_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {
        "apiVersion": "v1", "kind": "Config", "users": [{"name": "u", "user": {"token": "t"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443"}}],
        "contexts": [{"name": "staging", "context": {"cluster": "c", "user": "u"}}],
    }  # fmt: skip
    (tmp_path / "config").write_text(json.dumps(config))
    named = {"kubeconfig": str(tmp_path / "config"), "context": "staging"}
    monkeypatch.setenv("K8S_AUTH_HOST", "https://127.0.0.1:6443/")
    assert Credentials(named).server == "https://127.0.0.1:6443"
    monkeypatch.setenv("K8S_AUTH_HOST", "https://127.0.0.1:7")
    with pytest.raises(TodoCloudError, match=r"variable K8S_AUTH_HOST names https://127\.0\.0\.1:7"):
        Credentials(named)
    assert Credentials({**named, "host": "https://127.0.0.1:8"}).server == "https://127.0.0.1:8"
