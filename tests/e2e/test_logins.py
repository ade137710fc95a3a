# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a login at the broker, named by the Job that tries it in the environment's namespace."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.e2e.conftest import NAMESPACE, Cluster

KAFKA = "kafka.kafka.svc.cluster.local"


def tried(app: Cluster, folder: Path, name: str, change: dict[str, str], **options: object) -> str:
    """What the module says of the environment's credentials with a change."""
    data = app.get("secret", "kafka-credentials")["data"]
    data |= {key: base64.b64encode(text.encode()).decode() for key, text in change.items()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"login-{name}"}, "data": data}
    asked = {"environment": "local", "namespace": NAMESPACE, "name": name, "kind": "kafka", "secret": f"login-{name}",
             "image": "docker.io/apache/kafka:4.3.1", "wait": 5, **options}  # fmt: skip
    manifest = folder / f"{name}.json"
    manifest.write_text(json.dumps(secret))
    app.kubectl("apply", "-n", NAMESPACE, "--server-side", "-f", str(manifest))
    try:
        return app.run("ansible", "localhost", "-m", "todo.cloud.login_check", "-a", json.dumps(asked)).stdout
    finally:
        app.kubectl("delete", "secret", f"login-{name}", "-n", NAMESPACE)


def test_password_authority_and_acl_are_named(app: Cluster, tmp_path: Path) -> None:
    authority = base64.b64decode(app.get("secret", "dapr-trust-bundle", "dapr-system")["data"]["ca.crt"]).decode()
    cases: list[tuple[str, dict[str, str], dict[str, object], str]] = [
        ("user", {"password": "wrong-one"}, {},
         f"Kafka at {KAFKA}:9095 does not take user {NAMESPACE}: the password is wrong, or there is no such user"),
        ("authority", {"ca.crt": authority}, {}, "its certificate is of an authority that is not trusted here"),
        ("acl", {}, {"topics": ["todo-othertask-events", f"{NAMESPACE}task-events"], "groups": ["todo-other.x"]},
         f"lets user {NAMESPACE} in, but not to topic todo-othertask-events and group todo-other.x: an ACL is missing"),
    ]  # fmt: skip
    with ThreadPoolExecutor(3) as pool:
        said = list(pool.map(lambda case: tried(app, tmp_path, case[0], case[1], **case[2]), cases))
    for (name, _change, _options, sentence), output in zip(cases, said, strict=True):
        assert sentence in " ".join(output.split()), f"{name}: {output}"
        assert "wrong-one" not in output
    assert not [job for job in app.get("jobs") if job["metadata"]["name"].startswith("login-")]
