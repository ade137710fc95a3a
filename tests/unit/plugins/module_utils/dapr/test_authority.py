"""New certificates for Dapr: what Go would accept, checked by OpenSSL."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dapr.authority import new_authority, signed_by, split
from ansible_collections.todo.cloud.plugins.module_utils.dapr.trust import days_left
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError

from tests.support.dapr_authority import first_authority

NOW = datetime.now(UTC).timestamp()


def openssl(*args: str, stdin: str = "") -> str:
    return subprocess.run(
        ["openssl", *args], input=stdin, text=True, check=True, capture_output=True, timeout=60
    ).stdout


@pytest.mark.parametrize(("elliptic", "kind"), [(False, "ED25519"), (True, "id-ecPublicKey")])
def test_root_issuer_and_key_belong_together(elliptic: bool, kind: str, tmp_path: Path) -> None:
    issuer, key, root = first_authority(elliptic)
    made = new_authority(issuer, key, root, NOW)
    for name, text in {"root": made.root, "issuer": made.issuer}.items():
        (tmp_path / name).write_text(text)
        assert kind in openssl("x509", "-noout", "-text", stdin=text)
        assert days_left(text, NOW + 60) == 364
    openssl("verify", "-x509_strict", "-CAfile", str(tmp_path / "root"), str(tmp_path / "issuer"))
    assert openssl("pkey", "-pubout", stdin=made.key) == openssl("x509", "-noout", "-pubkey", stdin=made.issuer)
    for old, new in ((issuer, made.issuer), (root, made.root)):
        assert openssl("x509", "-noout", "-subject", stdin=new) == openssl("x509", "-noout", "-subject", stdin=old)
    assert made.key not in repr(made)


def test_which_root_signed_an_issuer_is_known_though_both_have_one_name() -> None:
    issuer, key, root = first_authority()
    made = new_authority(issuer, key, root, NOW)
    both = split(f"# old\n{root}\n# new\n{made.root}")
    assert both == [root, made.root]
    assert signed_by(issuer, both) == [root]
    assert signed_by(made.issuer, both) == [made.root]


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_what_is_no_pem_is_said_without_showing_it(broken: int) -> None:
    issuer, key, root = ("hunter2" if at == broken else text for at, text in enumerate(first_authority()))
    with pytest.raises(TodoCloudError) as caught:
        new_authority(issuer, key, root, NOW)
    assert caught.value.failure.code is Code.DAPR_TRUST
    assert "hunter2" not in caught.value.failure.message
