"""One proxy for all clients of an API server: options, kubeconfig, environment."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.proxy import proxy_of

SERVER, LOCAL = "https://api.example.com:6443", "https://127.0.0.1:6443"
OPTION, KUBECONFIG, VARIABLE = "http://option:1", "http://kubeconfig:2", "http://variable:3"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("server", "options", "proxy_url", "variables", "found"),
    [
        (SERVER, {}, "", {}, ""),
        (SERVER, {"proxy": OPTION}, KUBECONFIG, {"HTTPS_PROXY": VARIABLE}, OPTION),
        (SERVER, {}, KUBECONFIG, {"HTTPS_PROXY": VARIABLE}, KUBECONFIG),
        (SERVER, {}, "", {"HTTPS_PROXY": VARIABLE}, VARIABLE),
        (SERVER, {}, "", {"https_proxy": VARIABLE}, VARIABLE),
        (SERVER, {}, "", {"HTTPS_PROXY": VARIABLE, "NO_PROXY": "example.com"}, ""),
        (SERVER, {}, KUBECONFIG, {"NO_PROXY": "*"}, KUBECONFIG),
        (SERVER, {"proxy": OPTION}, "", {"NO_PROXY": "example.com:6443"}, ""),
        (SERVER, {"proxy": OPTION, "no_proxy": "x"}, "", {"NO_PROXY": "*"}, OPTION),
        (SERVER, {"proxy": OPTION, "no_proxy": "*"}, "", {}, ""),
        (SERVER, {"no_proxy": ".example.com"}, KUBECONFIG, {}, ""),
        (SERVER, {"no_proxy": ".example.com"}, "", {"HTTPS_PROXY": VARIABLE}, ""),
        (SERVER, {"no_proxy": "x"}, "", {"HTTPS_PROXY": VARIABLE, "NO_PROXY": "*"}, VARIABLE),
        (LOCAL, {}, "", {"HTTPS_PROXY": VARIABLE}, ""),
        (LOCAL, {}, KUBECONFIG, {}, KUBECONFIG),
        (LOCAL, {"proxy": OPTION}, "", {}, OPTION),
        (SERVER, {"proxy": "proxy:3128"}, "", {}, "http://proxy:3128"),
        (SERVER, {}, "socks5://proxy:1080", {}, "socks5://proxy:1080"),
        (SERVER, {}, "http://[fe80::1%25eth0]:1", {}, "http://[fe80::1%25eth0]:1"),
        (SERVER, {}, "http://a_b.c-d:1", {}, "http://a_b.c-d:1"),
        (SERVER, {"proxy": OPTION, "proxy_headers": {"proxy_basic_auth": "me:a b/@"}}, "", {}, "http://me:a%20b%2F%40@option:1"),
        (SERVER, {"proxy": "http://u:p@h", "proxy_headers": {"proxy_basic_auth": "me:x"}}, "", {}, "http://u:p@h"),
    ],
)  # fmt: skip
def test_which_proxy(
    monkeypatch: pytest.MonkeyPatch, server: str, options: dict[str, str], proxy_url: str, variables: dict[str, str],
    found: str,
) -> None:  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_of(server, options, proxy_url) == found


@pytest.mark.parametrize(
    "text",
    [
        "ftp://h:1",
        "http://",
        "http://h:x",
        "http://[::1",
        "http://user:canary@h:99999",
        "file:///x",
        "http://me:canary@a b:1",
        "http://me:canary@\u2603:1",
        "http://me:canary@[fe80::1%a b]:1",
        "http://me:canary@a,b:1",
        'http://me:can"ary@h:1',
        "http://me:canary@h\\@other:1",
        "http://me:canary@h:1/\n",
    ],
)
def test_what_is_no_proxy_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(TodoCloudError, match="proxy for the API server cannot be used") as caught:
        proxy_of(SERVER, {}, text)
    assert caught.value.failure.code is Code.CREDENTIALS
    assert "canary" not in str(caught.value)
