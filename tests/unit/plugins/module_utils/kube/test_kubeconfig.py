# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The common kubeconfig is read as the client library reads it; everything else is left to the library."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.kube import credentials
from ansible_collections.todo.cloud.plugins.module_utils.kube.credentials import Credentials
from ansible_collections.todo.cloud.plugins.module_utils.kube.kubeconfig import read_simple

from tests.cluster.node import pki
from tests.cluster.paths import TOP

Document = dict[str, Any]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy",
                 "ALL_PROXY", "all_proxy"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.crt, server.crt and server.key, the latter two as a client's."""
    folder = tmp_path_factory.mktemp("pki")
    pki.throw_away(folder, "127.0.0.1")
    return folder


def document(cluster: Document | None = None, user: Document | None = None) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "one", "cluster": {"server": "https://127.0.0.1:6443/", **(cluster or {})}}],
        "users": [{"name": "me", "user": {"token": "word"} if user is None else user}],
        "contexts": [
            {"name": "here", "context": {"cluster": "one", "user": "me", "namespace": "x"}},
            {"name": "there", "context": {"cluster": "two", "user": "me"}},
        ],
    }


def written(folder: Path, config: Document) -> str:
    path = folder / "config"
    path.write_text(yaml.safe_dump(config))
    return str(path)


def inline(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def by_library(params: Document, monkeypatch: pytest.MonkeyPatch) -> Document:
    with monkeypatch.context() as patch:
        patch.setattr(credentials, "read_simple", lambda auth, scratch: None)
        return Credentials(params).kubeconfig()


CASES: dict[str, Callable[[Path], Document]] = {
    "token": lambda pki: document(),
    "token, own CA inline": lambda pki: document({"certificate-authority-data": inline(pki / "ca.crt")}),
    "certificate inline": lambda pki: document(
        {"certificate-authority-data": inline(pki / "ca.crt")},
        {"client-certificate-data": inline(pki / "server.crt"), "client-key-data": inline(pki / "server.key")},
    ),
    "certificate in files": lambda pki: document(
        {"certificate-authority": str(pki / "ca.crt")},
        {"client-certificate": str(pki / "server.crt"), "client-key": str(pki / "server.key")},
    ),
    "no verification, server name": lambda pki: document(
        {"insecure-skip-tls-verify": True, "tls-server-name": "kubernetes"}
    ),
    "plain http": lambda pki: document({"server": "http://127.0.0.1:1"}),
    "no credentials": lambda pki: document(user={}),
    "an empty value": lambda pki: document({"certificate-authority-data": ""}),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_read_as_the_library_reads_it(
    case: str, certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {"kubeconfig": written(tmp_path, CASES[case](certificates))}
    assert read_simple(params, str(tmp_path)) is not None
    assert Credentials(params).kubeconfig() == by_library(params, monkeypatch)


def test_paths_are_relative_to_the_kubeconfig(
    certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.crt").write_bytes((certificates / "ca.crt").read_bytes())
    params = {"kubeconfig": written(tmp_path, document({"certificate-authority": "ca.crt"}))}
    assert Credentials(params).kubeconfig() == by_library(params, monkeypatch)


def test_a_dictionary_and_the_default_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_simple({"kubeconfig": document()}, str(tmp_path)) is not None
    home = tmp_path / "home" / ".kube"
    home.mkdir(parents=True)
    written(home, document())
    assert read_simple({}, str(tmp_path)) is not None
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert read_simple({}, str(tmp_path)) is None, "a pod's own credentials come first"


def test_inline_keys_are_for_the_owner_only(certificates: Path, tmp_path: Path) -> None:
    found = read_simple({"kubeconfig": CASES["certificate inline"](certificates)}, str(tmp_path))
    assert found is not None
    assert found.key_file is not None
    assert Path(found.key_file).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "config",
    [
        document(user={"exec": {"command": "aws"}}),
        document(user={"auth-provider": {"name": "oidc"}}),
        document(user={"tokenFile": "/token"}),
        document(user={"username": "a", "password": "b"}),
        document(user={"token": "word", "as": "jane"}),
        document({"proxy-url": "http://proxy"}),
        document({"certificate-authority-data": "no base64!"}),
        {**document(), "current-context": "nowhere"},
        {**document(), "current-context": "there"},
        {**document(), "users": [{"name": "me", "user": {"token": "a"}}, {"name": "me", "user": {"token": "b"}}]},
        {**document(), "clusters": None},
        {},
    ],
    ids=json.dumps,
)
def test_everything_else_is_the_library_s(config: Document, tmp_path: Path) -> None:
    assert read_simple({"kubeconfig": written(tmp_path, config)}, str(tmp_path)) is None


def test_options_and_surroundings_that_are_the_library_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, document())
    assert read_simple({"kubeconfig": path, "impersonate_user": "jane"}, str(tmp_path)) is not None
    for more in ({"host": "https://x"}, {"verify_ssl": False}, {"proxy": "http://p"}, {"persist_config": True}):
        assert read_simple({"kubeconfig": path, **more}, str(tmp_path)) is None
    assert read_simple({"kubeconfig": f"{path}:{path}"}, str(tmp_path)) is None
    assert read_simple({"kubeconfig": str(tmp_path / "absent")}, str(tmp_path)) is None
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    assert read_simple({"kubeconfig": path}, str(tmp_path)) is not None, "proxies are not the library's any more"


def test_the_client_library_is_not_imported(tmp_path: Path) -> None:
    """That is what all this is for."""
    code = (
        "import sys; from ansible_collections.todo.cloud.plugins.module_utils.kube.credentials import Credentials; "
        f"Credentials({{'kubeconfig': {written(tmp_path, document())!r}}}); sys.exit('kubernetes' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(TOP / "collections")}, check=False)
    assert done.returncode == 0
