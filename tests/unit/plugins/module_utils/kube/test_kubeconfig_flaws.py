# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A kubeconfig that cannot be read: the sentence says what is wrong with it, and shows nothing that it holds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.credentials import Credentials

PEM = "-----BEGIN CERTIFICATE-----\ncanaryPEM\n-----END CERTIFICATE-----\n"


def kubeconfig(user: dict[str, Any]) -> dict[str, Any]:
    return {
        "clusters": [{"name": "todo", "cluster": {"server": "https://192.0.2.1"}}],
        "users": [{"name": "jane", "user": user}],
        "contexts": [{"name": "staging", "context": {"cluster": "todo", "user": "jane"}}],
        "current-context": "staging",
    }


def refused(given: Any, **options: Any) -> str:
    with pytest.raises(TodoCloudError) as caught:
        Credentials({"kubeconfig": given, **options})
    assert caught.value.failure.code is Code.CREDENTIALS
    assert "canary" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<html>canary</html>", "is not a kubeconfig: it holds text"),
        ("[canary]", "is not a kubeconfig: it holds a list"),
        ("$ANSIBLE_VAULT;1.1;AES256\n3131\n", "is encrypted by ansible-vault"),
        ("", "config file is empty"),
    ],
)
def test_a_file_that_is_none(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(text)
    assert words in refused(str(tmp_path / "config"))


def test_a_folder(tmp_path: Path) -> None:
    assert f"Kubeconfig {tmp_path} is a folder" in refused(str(tmp_path))


def test_of_several_files_some_may_be_absent(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(json.dumps(kubeconfig({"token": "x"})))
    absent = str(tmp_path / "absent")
    found = Credentials({"kubeconfig": f"{absent}{os.pathsep}{tmp_path / 'config'}"})
    assert found.headers() == [("Authorization", "Bearer x")]
    assert f"{absent}{os.pathsep}{absent}2 does not exist" in refused(f"{absent}{os.pathsep}{absent}2")


@pytest.mark.parametrize("current", ["", None])
def test_no_current_context(current: str | None) -> None:
    config = kubeconfig({"token": "canary"}) | {"current-context": current}
    name = config["contexts"][0]["name"]
    assert f"names no current context: set context ('{name}')" in refused(config)


def test_a_context_that_is_not_there() -> None:
    config = kubeconfig({"token": "canary"})
    assert f"has no context 'x', only '{config['contexts'][0]['name']}'" in refused(config, context="x")


def test_a_certificate_in_place_of_its_base64() -> None:
    config = kubeconfig({"token": "canary"})
    config["clusters"][0]["cluster"]["certificate-authority-data"] = PEM
    name = config["clusters"][0]["name"]
    assert f"certificate-authority-data of cluster '{name}' is not base64: encode the file" in refused(config)


def test_a_cluster_without_a_server() -> None:
    config = kubeconfig({"token": "canary"})
    config["clusters"][0]["cluster"] = {}
    assert "cluster has no server" in refused(config)
