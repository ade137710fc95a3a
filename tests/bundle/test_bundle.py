# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Todo app goes by a signed file to a second environment, whose only registry is empty, and nothing else does."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.bundle.layout import Layout
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.cluster import state
from tests.cluster.paths import TOP
from tests.e2e.conftest import NAMESPACE, Cluster, PlaybookRun, until
from tests.integration.images import images_of_cluster
from tests.integration.releases.test_promote_playbook import COMMIT, SERVE
from tests.integration.releases.test_promote_playbook import inventory as service
from tests.support.distribution import distribution

HOST, THERE, PORT = "registry.acme.example", "todo-acme", 30085
SERVICES = ("backend-api", "frontend")
LIMIT = "dapr_components,backend_api,frontend"
PLATFORM = "kubernetes,namespace,platform,dependencies"


def keys() -> tuple[str, str]:
    """A private key and its public one."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@contextmanager
def registry_there(app: Cluster, folder: Path) -> Iterator[str]:
    """An empty registry, to which nodes go for images of HOST, and to no other; its URL."""
    cluster = state.load(app.name)
    with distribution(folder, host=str(cluster.subnets.machine_ip)) as url:
        hosts = cluster.folder / "config" / "certs.d" / HOST
        hosts.mkdir()
        (hosts / "hosts.toml").write_text(f'server = "{url}"\n[host."{url}"]\n  capabilities = ["pull", "resolve"]\n')
        try:
            yield url
        finally:
            shutil.rmtree(hosts)


def inventory(folder: Path, url: str, public_key: str) -> str:
    """The second environment's, as a customer would write it: a copy with what is another way there."""
    shutil.copytree(TOP / "inventories/local", folder / "acme")
    shutil.copy(TOP / "inventories/app.yml", folder / "app.yml")
    own = {
        "environment_name": "acme", "environment_namespace": THERE, "platform_manage": False, "environment_url": "",
        "environment_shared_credentials": ["database"], "local_node_port": PORT, "image_repository": f"{HOST}/todo",
        "release_registries": [{"host": HOST, "endpoint": url}],
        "bundle_registries": [{"host": HOST, "endpoint": url}], "bundle_public_keys": [public_key],
        "services": {
            "backend-api": {"image": "backend-api:v2.0.0"},
            "frontend": {"image": "frontend:v2.0.0", "scale": 1, "public": {"node_port": PORT}},
            **{name: {"image": f"{name}:v2.0.0"}
               for name in ("recurring-task-service", "notification-service", "sse-gateway")},
        },
    }  # fmt: skip
    (folder / "acme/group_vars/all/zz_acme.yml").write_text(yaml.safe_dump(own))
    return str(folder / "acme")


def tags(url: str, service: str) -> list[str]:
    answer = httpx.get(f"{url}/v2/todo/{service}/tags/list", trust_env=False)
    return list(answer.json().get("tags") or []) if answer.status_code == 200 else []


def digests(app: Cluster, service: str, namespace: str) -> set[str]:
    """Those that pods report for the service's own container."""
    statuses = [s for pod in app.pods(service, namespace) for s in pod["status"].get("containerStatuses") or ()]
    return {str(s["imageID"]).partition("@")[2] for s in statuses if s["name"] != "daprd"}


def said(run: PlaybookRun) -> str:
    return " ".join(run.output.split())


def test_one_service(cluster: Cluster, tmp_path: Path) -> None:
    """The shortest way: a service without a sidecar, from one namespace to another, and once more."""
    names = {name: f"bundle-{name}" for name in ("staging", "acme")}
    images = images_of_cluster(cluster.kubeconfig)
    registries = [{"host": "ghcr.io", "endpoint": images.url}]
    private, public = keys()
    for name, namespace in names.items():
        cluster.kubectl("create", "namespace", namespace)
        cluster.kubectl("label", "namespace", namespace, f"todo.cloud/environment={name}")
    with images.kept_while():
        digest, file = images.push("web", "sha-1", "1", SERVE), tmp_path / "bundle.tar"
        there = service(tmp_path, cluster.kubeconfig, "acme", names["acme"], release_registries=registries,
                        bundle_registries=registries, bundle_public_keys=[public], release_commit="")  # fmt: skip
        here = service(tmp_path, cluster.kubeconfig, "staging", names["staging"], release_registries=registries,
                       record_key=private)  # fmt: skip

        def play(name: str, where: Path, image: str) -> PlaybookRun:
            options = ("-e", f"web_image={image}", "-e", f"bundle={file}")
            return cluster.playbook(f"playbooks/{name}.yml", *options, inventory=str(where)).ok()

        play("services", here, f"{images.name('web')}:sha-1")
        play("bundle", here, "")
        images.delete("web", digest)
        image = f"{images.name('acme')}:v1.0.0"
        images.digests.add((f"{images.prefix}/acme", digest))
        first = play("deploy_bundle", there, image)
        assert f"{image}@{digest}: tag added" in said(first)
        assert digests(cluster, "web", names["acme"]) == {digest}
        recorded = json.loads(cluster.get("configmap", "release-set-1", names["acme"])["data"]["set.json"])
        assert recorded["tools"]["origin"].endswith(" (set 1 of staging)")
        assert recorded["commit"] == COMMIT
        again = play("deploy_bundle", there, image)
        assert again.count("changed") == 0, again.output[-3000:]


def test_what_was_verified_goes_to_an_empty_registry_by_one_signed_file(app: Cluster, tmp_path: Path) -> None:
    private, public = keys()
    source = tmp_path / "source.json"
    source.write_text(json.dumps({"record_key": private, "release_commit": "1f3c5a7d9e"}))
    app.playbook("playbooks/services.yml", "-e", f"@{source}").ok()  # from now on sets are signed
    file = tmp_path / "bundle.tar"

    made = app.playbook("playbooks/bundle.yml", "-e", f"@{source}", "-e", f"bundle={file}").ok()
    written = file.read_bytes()
    assert made.count("changed") == 1
    assert ", signed" in said(made)
    file.unlink()
    app.playbook("playbooks/bundle.yml", "-e", f"@{source}", "-e", f"bundle={file}").ok()
    assert file.read_bytes() == written, "the same set is the same file"
    for name in ("database", "app"):
        for key, value in app.get("secret", name)["data"].items():
            plain = base64.b64decode(value)
            assert len(plain) < 8 or plain not in written, f"{key} of Secret {name} is in the bundle"
    print(f"{len(written) >> 20} MiB")

    with registry_there(app, tmp_path) as url:
        where = inventory(tmp_path, url, public)
        app.playbook("site.yml", "--limit", PLATFORM, inventory=where).ok()

        def deploy(*more: Any, bundle: Path = file) -> PlaybookRun:
            return app.playbook(
                "playbooks/deploy_bundle.yml", "-e", f"bundle={bundle}", "--limit", LIMIT, *more, inventory=where
            )

        refused(deploy, file, written, tmp_path)
        planned = deploy("--check", "--diff")
        assert planned.code == 0, planned.output[-4000:]
        assert app.pods("backend-api", THERE) == []
        assert tags(url, "backend-api") == []

        first = deploy().ok()
        for service in SERVICES:
            assert digests(app, service, THERE) == digests(app, service, NAMESPACE) != set()
            assert "v2.0.0" in tags(url, service)
        until(lambda: answers(app), 60, "the app answers")
        newest = app.get("configmap", "release-set-1", THERE)
        with Layout(file) as layout:
            origin = f"{layout.bundle} (set 2 of local)"
        recorded = json.loads(newest["data"]["set.json"])
        assert (recorded["tools"]["origin"], recorded["commit"]) == (origin, "1f3c5a7d9e")
        assert "copied" in said(first)

        second = deploy().ok()
        assert second.count("changed") == 0, second.output[-3000:]
        assert "copied" not in said(second)


def refused(deploy: Any, file: Path, written: bytes, folder: Path) -> None:
    """Changed, or signed by somebody else: nothing is written."""
    other = folder / "other.tar"
    changed = bytearray(written)
    changed[len(written) * 2 // 3] ^= 1
    other.write_bytes(changed)
    run = deploy(bundle=other)
    assert run.code != 0
    assert re.search(r"The bundle is damaged: .+ Nothing was changed; get it once more\.", said(run)), run.output
    keys_of_others = folder / "others.json"
    keys_of_others.write_text(json.dumps({"bundle_public_keys": [keys()[1]]}))
    run = deploy("-e", f"@{keys_of_others}")
    assert run.code != 0
    assert "none of bundle_public_keys has signed it" in said(run), run.output


def answers(app: Cluster) -> bool:
    try:
        return httpx.get(f"http://{app.facts['node_ip']}:{PORT}/health", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
