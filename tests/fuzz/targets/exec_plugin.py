"""What an exec plugin of a kubeconfig prints: nothing of it is shown, whatever it is."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.known_secrets import KNOWN
from ansible_collections.todo.cloud.plugins.module_utils.kube.exec_plugin import run_plugin
from ansible_collections.todo.cloud.plugins.module_utils.masking import masked

from tests.fuzz.frame import Target

CANARY = "canaryEXEC-3w9Qz7"
VERSION = "client.authentication.k8s.io/v1"
GOOD = json.dumps({
    "apiVersion": VERSION, "kind": "ExecCredential",
    "status": {"token": CANARY, "expirationTimestamp": "2030-01-01T00:00:00Z", "clientKeyData": f"-----BEGIN {CANARY}"},
})  # fmt: skip
SEEDS = (GOOD, GOOD.encode(), f"token {CANARY} of ada", f'["{CANARY}"]')


def attempt(given: Any) -> None:
    content = (
        given if isinstance(given, bytes) else given.encode(errors="surrogatepass") if isinstance(given, str) else b""
    )
    KNOWN.clear()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "out").write_bytes(content)
        more = ["nothing"] * (len(content) % 2)  # which is not there: then it fails
        said = ""
        try:
            status = run_plugin(["cat", "out", *more], folder, dict(os.environ), VERSION)
            said = f"it says {status.get('token')}" if status.get("token") == CANARY else ""
        except ValueError as exc:
            if CANARY in content.decode(errors="replace").split() or json.dumps(CANARY).encode() in content:
                said = str(exc)
        assert CANARY not in masked(said), "a secret is shown"
    KNOWN.clear()


TARGET = Target("exec_plugin", SEEDS, attempt)
