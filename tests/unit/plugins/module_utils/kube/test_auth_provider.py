# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No secret of a kubeconfig's auth-provider goes anywhere, and no program of it runs."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.client_environment import client_environment
from ansible_collections.todo.cloud.plugins.module_utils.kube.credentials import Credentials
from ansible_collections.todo.cloud.plugins.module_utils.masking import masked
from kubernetes.config import kube_config

from tests.support.fake_api import Answer, fake_api
from tests.unit.plugins.module_utils.kube.test_credentials import kubeconfig

CANARY = "canaryIDP-5t8Kx2"


def id_token(expires: int) -> str:
    body = base64.urlsafe_b64encode(json.dumps({"exp": expires}).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


def test_an_expired_token_is_not_renewed_over_a_connection_that_nobody_checks() -> None:
    with fake_api(lambda request, number: Answer(body={})) as issuer:
        config = {
            "idp-issuer-url": issuer.url, "client-id": "me", "client-secret": CANARY, "refresh-token": CANARY,
            "id-token": id_token(1_000_000_000),
        }  # fmt: skip
        provider: dict[str, Any] = {"name": "oidc", "config": config}
        with pytest.raises(TodoCloudError, match="auth-provider oidc has expired: renew it") as caught:
            Credentials({"kubeconfig": kubeconfig({"auth-provider": provider})})
        with pytest.raises(TodoCloudError, match="auth-provider oidc has expired"):
            client_environment({"kubeconfig": kubeconfig({"auth-provider": provider})})  # kubernetes.core would as well
        assert issuer.requests == []
    assert caught.value.failure.code is Code.CREDENTIALS
    assert CANARY not in masked(str(caught.value))
    valid = id_token(4_000_000_000)
    provider["config"] = {**config, "id-token": valid}
    found = Credentials({"kubeconfig": kubeconfig({"auth-provider": provider})})
    assert found.headers() == [("Authorization", f"Bearer {valid}")]


def test_no_program_renews_a_token(tmp_path: Path) -> None:
    (tmp_path / "plugin").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\necho {CANARY}\nexit 1\n")
    (tmp_path / "plugin").chmod(0o700)
    expired = {"cmd-path": str(tmp_path / "plugin"), "access-token": CANARY, "expiry": "2020-01-01T00:00:00Z"}
    with pytest.raises(TodoCloudError, match="auth-provider gcp has expired: use the exec plugin") as caught:
        Credentials({"kubeconfig": kubeconfig({"auth-provider": {"name": "gcp", "config": expired}})})
    assert not (tmp_path / "ran").exists()
    assert CANARY not in masked(str(caught.value))


def test_a_token_that_expires_amid_a_run_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"cmd-path": "absent", "access-token": CANARY, "expiry": "2100-01-01T00:00:00Z"}
    found = Credentials({"kubeconfig": kubeconfig({"auth-provider": {"name": "gcp", "config": config}})})
    assert found.headers() == [("Authorization", f"Bearer {CANARY}")]
    monkeypatch.setattr(kube_config, "_is_expired", lambda expiry: True)
    with pytest.raises(TodoCloudError, match="auth-provider gcp has expired"):
        found.headers()
