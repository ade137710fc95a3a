# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose credentials count, and what is reported when there are none."""

from __future__ import annotations

import base64
import errno
import json
import os
import ssl
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.credentials import Credentials
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.masking import masked

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


def kubeconfig(
    user: dict[str, Any] | None = None, server: str = "https://127.0.0.1:6443", proxy_url: str = ""
) -> dict[str, Any]:
    cluster = {"server": server, **({"proxy-url": proxy_url} if proxy_url else {})}
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": "t"} if user is None else user}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }  # fmt: skip


JANE = {"token": "t", "as": "jane", "as-groups": ["a", "b"], "as-uid": "7", "as-user-extra": {"x": ["y"]}}


@pytest.mark.parametrize(
    "form", ["dictionary", "file", "variable KUBECONFIG", "variable K8S_AUTH_KUBECONFIG", "two files"]
)
def test_the_kubeconfig_s_impersonation_is_obeyed(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_api(lambda request, n: Answer(body=obj("x"))) as api:
        config = kubeconfig(JANE, api.url)
        (tmp_path / "config").write_text(json.dumps(config))
        (tmp_path / "other").write_text(json.dumps(kubeconfig({"token": "t"}, "https://other")))
        path = str(tmp_path / "config")
        params: dict[str, Any] = {"kubeconfig": config if form == "dictionary" else path}
        if form.startswith("variable"):
            params = {}
            monkeypatch.setenv(form.rpartition(" ")[2], path)
        if form == "two files":
            params = {"kubeconfig": f"{path}:{tmp_path / 'other'}"}
        kube = KubeSession(params)
        kube.get(POD, "ns", "x")
    headers = api.requests[0].headers
    assert [headers.get(f"impersonate-{name}") for name in ("user", "uid", "extra-x")] == ["jane", "7", "y"]
    assert headers["authorization"] == "Bearer t"
    assert kube.kubeconfig()["users"][0]["user"] == JANE


def test_complete_options_leave_the_kubeconfig_s_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(json.dumps(kubeconfig(JANE)))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    user = Credentials({"host": "http://127.0.0.1:1", "api_key": "k"}).kubeconfig()["users"][0]["user"]
    assert user == {"token": "k"}


def test_impersonation_by_environment_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_AUTH_IMPERSONATE_USER", "joe")
    monkeypatch.setenv("K8S_AUTH_IMPERSONATE_GROUPS", "a,b,")
    user = Credentials({"kubeconfig": kubeconfig(JANE)}).kubeconfig()["users"][0]["user"]
    assert user == {"token": "t", "as": "joe", "as-groups": ["a", "b"]}


@pytest.mark.parametrize(
    "user", [{"token": "t", "as-groups": ["a"]}, {"token": "t", "as": 1}, {"token": "t", "as": "a\nb"}]
)
def test_an_impersonation_that_cannot_be_obeyed_is_refused(user: dict[str, Any]) -> None:
    with pytest.raises(TodoCloudError, match="cannot be asked as somebody else"):
        Credentials({"kubeconfig": kubeconfig(user)})


def test_files_that_disagree_about_the_context_are_refused(tmp_path: Path) -> None:
    one, two = kubeconfig(), {**kubeconfig(), "current-context": "there"}
    (tmp_path / "one").write_text(json.dumps(one))
    (tmp_path / "two").write_text(json.dumps({**two, "contexts": [{**two["contexts"][0], "name": "there"}]}))
    both = f"{tmp_path / 'one'}:{tmp_path / 'two'}"
    with pytest.raises(TodoCloudError, match=r"'here', 'there'.*set context"):
        Credentials({"kubeconfig": both})
    assert Credentials({"kubeconfig": both, "context": "here"}).server == "https://127.0.0.1:6443"


@pytest.mark.parametrize("simple", [True, False])
def test_requests_and_helm_take_the_same_proxy(monkeypatch: pytest.MonkeyPatch, simple: bool) -> None:
    with fake_api(lambda request, n: Answer(body=obj("x"))) as api:
        if simple:
            monkeypatch.setenv("HTTP_PROXY", api.url.replace("//", "//me:a%20b@"))
            config = kubeconfig(server="http://cluster.example:6443")
        else:
            proxy = api.url.replace("//", "//me:a%20b@")
            config = kubeconfig(None, "http://cluster.example:6443", proxy_url=proxy)
        kube = KubeSession({"kubeconfig": config})
        kube.get(POD, "ns", "x")
    assert api.requests[0].headers["host"] == "cluster.example:6443"
    assert api.requests[0].headers["proxy-authorization"] == "Basic " + base64.b64encode(b"me:a b").decode()
    assert kube.kubeconfig()["clusters"][0]["cluster"]["proxy-url"] == api.url.replace("//", "//me:a%20b@")


def test_no_proxy_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_api(lambda request, n: Answer(body=obj("x"))) as api:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", "127.0.0.0/8")
        kube = KubeSession({"kubeconfig": kubeconfig(server=api.url)})
        assert kube.get(POD, "ns", "x")
    assert "proxy-url" not in kube.kubeconfig()["clusters"][0]["cluster"]


def test_a_socks_proxy_without_its_library_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "urllib3.contrib.socks", None)
    with pytest.raises(TodoCloudError, match="PySocks") as caught:
        Credentials({"kubeconfig": kubeconfig(proxy_url="socks5://127.0.0.1:1")})
    assert caught.value.failure.code is Code.MISSING_LIBRARY


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("./plugin", "you must log in: run `doctl auth init`"),
        ("./absent", "No such file"),
        ("./nothing", "missing token"),
        ("./escapes", "red ::add-mask::x"),
    ],
)
def test_what_an_exec_plugin_says_is_told(command: str, words: str, tmp_path: Path) -> None:
    for name, text in {
        "plugin": "echo 'you must log in: run `doctl auth init`' >&2; exit 1",
        "nothing": 'echo \'{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {}}\'',
        "escapes": "printf '\\033[31mred\\n::add-mask::x' >&2; exit 1",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o700)
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": command, "interactiveMode": "Never"}
    (tmp_path / "config").write_text(json.dumps(kubeconfig({"exec": plugin})))
    with pytest.raises(TodoCloudError, match=f"exec plugin '{command}' of the kubeconfig has failed") as caught:
        Credentials({"kubeconfig": str(tmp_path / "config")})
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "verified"), [("no", False), ("False", False), ("0", False), ("off", True), ("yes", True)]
)
def test_booleans_of_the_environment_are_read_as_kubernetes_core_reads_them(
    text: str, verified: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("K8S_AUTH_VERIFY_SSL", "K8S_AUTH_VALIDATE_CERTS"):
        monkeypatch.delenv("K8S_AUTH_VERIFY_SSL", raising=False)
        monkeypatch.setenv(name, text)
        cluster = Credentials({"host": "https://127.0.0.1:1", "api_key": "k"}).kubeconfig()["clusters"][0]["cluster"]
        assert ("insecure-skip-tls-verify" not in cluster) is verified


@pytest.mark.parametrize("kind", ["explicit", "none at all"])
def test_a_user_without_a_home(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in containers that run as a number: no HOME, no entry in /etc/passwd."""
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 999_999)
    (tmp_path / "config").write_text(json.dumps(kubeconfig()))
    if kind == "explicit":
        assert Credentials({"kubeconfig": str(tmp_path / "config")}).server == "https://127.0.0.1:6443"
        return
    with pytest.raises(TodoCloudError, match="No usable Kubernetes credentials"):
        Credentials({})


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EMFILE, errno.EACCES])
def test_no_folder_for_certificates_is_one_sentence(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> str:
        raise OSError(number, os.strerror(number), "/tmp/x")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(TodoCloudError, match=rf"no folder for certificates \({os.strerror(number)}\)") as caught:
        Credentials({"kubeconfig": kubeconfig()})
    assert caught.value.failure.code is Code.CREDENTIALS


def test_a_full_disk_while_certificates_are_written_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "open", full)
    config = kubeconfig({"client-certificate-data": "YQ==", "client-key-data": "YQ=="})
    with pytest.raises(TodoCloudError, match="No space left on device"):
        Credentials({"kubeconfig": config})


def test_keys_are_private_whatever_the_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def load(self: ssl.SSLContext, cert: str, key: str) -> None:
        seen.extend(Path(path).stat().st_mode & 0o077 for path in (cert, key, str(Path(key).parent)))

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load)
    before = os.umask(0)
    try:
        Credentials({"kubeconfig": kubeconfig({"client-certificate-data": "YQ==", "client-key-data": "YQ=="})})
    finally:
        os.umask(before)
    assert seen == [0, 0, 0]


@pytest.mark.parametrize(
    "said",
    ["password=SECRET1abc token: SECRET1abc", "no login for https://u:SECRET1@idp/x", "AWS_SECRET_ACCESS_KEY=SECRET1"],
)
def test_secrets_that_an_exec_plugin_says_are_masked_at_the_exit(said: str, tmp_path: Path) -> None:
    """By what each result and error goes through, see module.py."""
    (tmp_path / "plugin").write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    (tmp_path / "plugin").chmod(0o700)
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "interactiveMode": "Never"}
    (tmp_path / "config").write_text(json.dumps(kubeconfig({"exec": plugin})))
    with pytest.raises(TodoCloudError, match="has failed") as caught:
        Credentials({"kubeconfig": str(tmp_path / "config")})
    assert "SECRET1" not in masked(str(caught.value))


@pytest.mark.parametrize("token", ["canaryTOK9\n", "canaryTOK9\r\nX-Evil: 1", "canaryTOK9\u20ac"])
def test_a_token_that_no_header_can_hold_is_one_sentence(token: str) -> None:
    for params in ({"host": "http://127.0.0.1:1", "api_key": token}, {"kubeconfig": kubeconfig({"token": token})}):
        with pytest.raises(TodoCloudError, match="no header can hold") as caught:
            Credentials(params).headers()
        assert caught.value.failure.code is Code.CREDENTIALS
        assert "canaryTOK9" not in str(caught.value)


@pytest.mark.parametrize(
    "server", ["https://192.0.2[[[1", "https://me:canaryURL7@h:abc", "https://[::1", "https://h:99999"]
)
def test_a_server_that_is_no_url_is_one_sentence(server: str) -> None:
    for params in ({"host": server, "api_key": "x"}, {"kubeconfig": kubeconfig({"token": "x"}, server)}):
        with pytest.raises(TodoCloudError, match="is not a URL") as caught:
            Credentials(params)
        assert "canaryURL7" not in str(caught.value)


@pytest.mark.parametrize("where", ["users", "clusters"])
def test_what_is_no_text_is_one_sentence(where: str) -> None:
    config = kubeconfig({"username": "me", "password": "x"})
    config[where][0][where[:-1]]["username" if where == "users" else "tls-server-name"] = {"a": "b"}
    with pytest.raises(TodoCloudError, match=r"of the kubeconfig is not text|No usable Kubernetes credentials"):
        Credentials({"kubeconfig": config})


@pytest.mark.parametrize("content", [b"no certificate", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nYQ==\n"])
def test_a_ca_that_is_no_certificate_is_one_sentence(content: bytes) -> None:
    config = kubeconfig()
    config["clusters"][0]["cluster"]["certificate-authority-data"] = base64.b64encode(content).decode()
    with pytest.raises(TodoCloudError, match="CA certificate of the cluster cannot be used") as caught:
        Credentials({"kubeconfig": config})
    assert caught.value.failure.code is Code.CREDENTIALS


@pytest.mark.parametrize(
    "text",
    ["token: @canaryYML5", "users:\n- token: canaryYML5\n bad: [\n", "!!python/name:canaryYML5 ''", "a: 'canaryYML5"],
)
def test_a_kubeconfig_that_is_no_yaml_is_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(TodoCloudError, match=r"not valid YAML \(line \d of .*config\): correct it") as caught:
        Credentials({"kubeconfig": str(tmp_path / "config")})
    assert caught.value.failure.code is Code.CREDENTIALS
    assert "canaryYML5" not in str(caught.value)


def test_a_token_file_may_end_with_a_line_break(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    found = Credentials({"kubeconfig": kubeconfig({"tokenFile": str(tmp_path / "token")})})
    assert found.headers() == [("Authorization", "Bearer abc")]
    assert found.kubeconfig()["users"][0]["user"]["token"] == "abc"
    (tmp_path / "token").write_text("canaryTOK9\nX-Evil: 1\n")
    with pytest.raises(TodoCloudError, match="no header can hold") as caught:
        Credentials({"kubeconfig": kubeconfig({"tokenFile": str(tmp_path / "token")})}).headers()
    assert "canaryTOK9" not in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000])
def test_a_kubeconfig_that_is_nested_deeply_is_one_sentence(text: str, tmp_path: Path) -> None:
    """libyaml's composer ends the whole process at that."""
    (tmp_path / "config").write_text(text)
    with pytest.raises(TodoCloudError, match=r"No usable Kubernetes credentials|not valid YAML") as caught:
        Credentials({"kubeconfig": str(tmp_path / "config")})
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(("kind", "key"), [("users", "user"), ("clusters", "cluster"), ("contexts", "context")])
def test_a_key_that_is_misspelt_shows_nothing_of_its_entry(kind: str, key: str, tmp_path: Path) -> None:
    config = kubeconfig({"pasword": "canaryKEY3", "tokenFile": "/absent"})
    config[kind][0][f"{key}s"] = {**config[kind][0].pop(key), "pasword": "canaryKEY3"}
    (tmp_path / "config").write_text(json.dumps(config))
    for given in (config, str(tmp_path / "config")):
        with pytest.raises(TodoCloudError, match=f"No usable Kubernetes credentials .*Expected key {key} in") as caught:
            Credentials({"kubeconfig": given})
        assert "canaryKEY3" not in str(caught.value)


def test_a_password_that_is_not_ascii() -> None:
    found = Credentials({"kubeconfig": kubeconfig({"username": "m\xb2", "password": "\xe4b"})})
    assert found.kubeconfig()["users"][0]["user"] == {"username": "m\xb2", "password": "\xe4b"}
