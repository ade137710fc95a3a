"""kubernetes.core's modules act as whom the kubeconfig names, and take the proxy that Helm takes; or it is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.kubernetes.core.plugins.module_utils.k8s import client as core
from ansible_collections.todo.cloud.plugins.lookup import client_environment as lookup_module
from ansible_collections.todo.cloud.plugins.lookup.client_environment import LookupModule
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError, error
from ansible_collections.todo.cloud.plugins.module_utils.kube.client_environment import client_environment
from ansible_collections.todo.cloud.plugins.module_utils.kube.credentials import Credentials

PROXY = "http://proxy.example:3128"
SERVER = "https://api.example.com:6443"
Config = dict[str, Any]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def config(user: Config | None = None, proxy_url: str = "") -> Config:
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": SERVER, **({"proxy-url": proxy_url} if proxy_url else {})}}],
        "users": [{"name": "u", "user": {"token": "t", **(user or {})}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }  # fmt: skip


def as_core_does(kubeconfig: Config) -> tuple[Any, dict[str, Any]]:
    """The proxy that kubernetes.core's client takes, and its headers."""
    from kubernetes.client.rest import should_bypass_proxies

    found = core._create_configuration(core._create_auth_spec(kubeconfig=kubeconfig))
    direct = not found.proxy or should_bypass_proxies(found.host, found.no_proxy or "")
    return "" if direct else found.proxy, core._create_headers()


CASES = {
    "nothing special": (config(), {}),
    "as": (config({"as": "jane"}), {}),
    "as, groups": (config({"as": "jane", "as-groups": ["a", "b"]}), {}),
    "groups by variable": (
        config({"as": "jane"}),
        {"K8S_AUTH_IMPERSONATE_USER": "joe", "K8S_AUTH_IMPERSONATE_GROUPS": "x"},
    ),
    "proxy-url": (config(proxy_url=PROXY), {}),
    "proxy-url, NO_PROXY": (config(proxy_url=PROXY), {"NO_PROXY": "*"}),
    "variable": (config(), {"HTTPS_PROXY": PROXY}),
    "variable, NO_PROXY by name": (config(), {"HTTPS_PROXY": PROXY, "NO_PROXY": "api.example.com"}),
    "variable, NO_PROXY by domain": (config(), {"HTTPS_PROXY": PROXY, "NO_PROXY": "*.example.com"}),
    "variable, NO_PROXY by port": (config(), {"HTTPS_PROXY": PROXY, "NO_PROXY": "example.com:6443"}),
    "variable, NO_PROXY by another port": (config(), {"HTTPS_PROXY": PROXY, "NO_PROXY": "example.com:443"}),
    "variable, both cases": (config(), {"HTTPS_PROXY": PROXY, "NO_PROXY": "x", "no_proxy": "example.com"}),
    "option": (config(), {"K8S_AUTH_PROXY": PROXY}),
    "option, no_proxy": (config(), {"K8S_AUTH_PROXY": PROXY, "K8S_AUTH_NO_PROXY": ".example.com"}),
}


@pytest.mark.parametrize(("kubeconfig", "variables"), CASES.values(), ids=CASES)
def test_all_clients_are_alike(kubeconfig: Config, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ours = Credentials({"kubeconfig": kubeconfig})
    for name, value in client_environment({"kubeconfig": kubeconfig}).items():
        monkeypatch.setenv(name, value)
    proxy, headers = as_core_does(kubeconfig)
    assert proxy == ours.proxy
    assert headers.get("Impersonate-User", "") == ours.impersonation.user
    assert tuple(headers.get("Impersonate-Group", ())) == ours.impersonation.groups


def test_nothing_is_set_where_nothing_is_special() -> None:
    assert client_environment({"kubeconfig": config()}) == {}
    assert client_environment({"host": SERVER, "api_key": "k", "kubeconfig": config({"as": "jane"})}) == {}
    assert client_environment({"kubeconfig": "/no/such/file"}) == {}, "the module itself says so"


@pytest.mark.parametrize(
    "kubeconfig",
    [
        config({"as": "jane", "as-uid": "7"}),
        config({"as": "jane", "as-user-extra": {"a": ["b"]}}),
        config({"as": "jane", "as-groups": ["a,b"]}),
        config({"as-groups": ["a"]}),
        config(proxy_url="http://me:canary@proxy.example:3128"),
    ],
)
def test_what_kubernetes_core_cannot_do_is_refused(kubeconfig: Config) -> None:
    with pytest.raises(TodoCloudError, match="cannot be") as caught:
        client_environment({"kubeconfig": kubeconfig})
    assert "canary" not in str(caught.value)


def test_a_user_of_a_proxy_by_the_variable_of_kubernetes_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH", "me:canary")
    assert client_environment({"kubeconfig": config(proxy_url=PROXY)})["K8S_AUTH_PROXY"] == PROXY


@pytest.mark.parametrize("way", ["variable", "option", "KUBECONFIG", "K8S_AUTH_KUBECONFIG"])
def test_the_lookup_finds_the_kubeconfig(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "config")
    Path(path).write_text(json.dumps(config({"as": "jane"})))
    variables = {"cluster_kubeconfig": path} if way == "variable" else {}
    given = {"kubeconfig": path} if way == "option" else {}
    if way.isupper():
        monkeypatch.setenv(way, path)
    lookup = LookupModule(templar=Templar(loader=DataLoader()))
    assert lookup.run([], variables, **given) == [{"K8S_AUTH_IMPERSONATE_USER": "jane"}]


def test_the_lookup_s_refusal_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(json.dumps(config({"as": "jane", "as-uid": "7"})))
    lookup = LookupModule(templar=Templar(loader=DataLoader()))
    with pytest.raises(AnsibleError, match="'as-uid' and 'as-user-extra'"):
        lookup.run([], {"cluster_kubeconfig": str(tmp_path / "config")})


def test_the_lookup_shows_what_others_say_as_modules_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_given: object) -> None:
        raise error(Code.CREDENTIALS, "\x1b[2J it says: password=hunter2")

    monkeypatch.setattr(lookup_module, "client_environment", refuse)
    with pytest.raises(AnsibleError) as caught:
        LookupModule(templar=Templar(loader=DataLoader())).run([], {})
    assert str(caught.value) == "\\x1b[2J it says: password=***"
    assert caught.value.__cause__ is None
