# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""image_info, image_tag and image_cleanup against the real registry (distribution): open, by passwords, by tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.registry.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.registry.client import RegistryClient
from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference as Ref
from ansible_collections.todo.cloud.plugins.module_utils.registry.signatures import ImageKeys, why_unsigned
from ansible_collections.todo.cloud.plugins.module_utils.releases.image_cleanup import clean_up
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from tests.cluster.build.oci import MANIFEST, Reference, Registry
from tests.integration.support import ModuleRun, run_module
from tests.support.distribution import distribution
from tests.support.fake_environment import A1, World
from tests.support.fake_registry import FakeRegistry, digest_of
from tests.unit.plugins.module_utils.bundle.samples import LAYER, THERE, Far

IMAGE = "ghcr.io/todo-app/web:v1"
PASSWORD = "only-a-test"
# bcrypt of PASSWORD for the user todo, as `htpasswd -B` writes it
HTPASSWD = "todo:$2b$05$abcdefghijklmnopqrstuuzm9xGwIXAkuOSXHcjtaMPml2p1jKcIi"


def ask(name: str, **params: Any) -> ModuleRun:
    check = params.pop("check", False)
    return run_module(name, {"image": IMAGE, **params}, "", check=check)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def open_registry(folder: Path) -> Iterator[str]:
    """A registry that everybody may read and write, with one image."""
    with distribution(folder) as url, Registry(url) as pushing:
        pushing.push_image(Reference.parse(IMAGE), {"Labels": {"org.example": "yes"}}, [])
        yield url


def digest_in(url: str, tag: str) -> str:
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    answer = httpx.head(f"{url}/v2/todo-app/web/manifests/{tag}", headers=accept, trust_env=False)
    return str(answer.headers["docker-content-digest"])


def test_what_a_tag_points_to(open_registry: str) -> None:
    run = ask("image_info", endpoint=open_registry)
    digest = digest_in(open_registry, "v1")
    assert not run.failed, run.output
    assert run.result["digest"] == digest
    assert run.result["image"] == f"{IMAGE}@{digest}"
    assert run.result["labels"] == {"org.example": "yes"}
    assert run.result["platforms"][0]["platform"].startswith("linux/")
    assert not run.result["changed"]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"image": "ghcr.io/todo-app/web:v2"}, "image_not_found"),
        ({"image": "ghcr.io/todo-app/none:v1"}, "image_not_found"),
        ({"endpoint": "http://127.0.0.1:1", "timeout": 1}, "registry_unreachable"),
        ({"image": "ghcr.io/todo-app/web"}, "invalid_input"),
        ({"image": "ghcr.io/UPPER/web:v1"}, "invalid_input"),
        ({"pull_secret": "secret-in-clear"}, "invalid_input"),
    ],
)
def test_refusals_are_one_sentence(open_registry: str, params: dict[str, Any], code: str) -> None:
    run = ask("image_info", **{"endpoint": open_registry, **params})
    assert run.failed
    assert run.code == code, run.output
    assert "Traceback" not in run.output
    assert "secret-in-clear" not in run.output


def test_passwords(open_registry: str, folder: Path) -> None:
    (folder / "htpasswd").write_text(HTPASSWD + "\n")
    with distribution(folder, {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}) as url:
        secret = json.dumps({"auths": {"ghcr.io": {"username": "todo", "password": PASSWORD}}})
        assert ask("image_info", endpoint=url, pull_secret=secret).result["digest"] == digest_in(open_registry, "v1")
        for params in ({}, {"username": "todo", "password": "wrong"}):
            run = ask("image_info", endpoint=url, **params)
            assert run.code == "registry_denied", run.output


class TokenService(BaseHTTPRequestHandler):
    """Signs what the user todo may do, and what anybody may read; the registry trusts its certificate.

    It stands before the registry: by plain HTTP a password goes to no other origin than the registry's own.
    """

    protocol_version = "HTTP/1.1"
    key: Any
    certificate: x509.Certificate
    registry = ""

    def log_message(self, *_: object) -> None:
        pass

    def forward(self) -> None:
        """To the registry, as it came."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection = HTTPConnection(self.registry)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        finally:
            connection.close()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = forward

    def do_GET(self) -> None:
        if not self.path.startswith("/token"):
            self.forward()
            return
        asked = {key: value[0] for key, value in parse_qs(urlsplit(self.path).query).items()}
        kind, name, actions = asked["scope"].split(":")
        wanted = f"todo:{PASSWORD}".encode()
        known = self.headers.get("Authorization", "") == "Basic " + base64.b64encode(wanted).decode()
        allowed = [a for a in actions.split(",") if known or a == "pull"]
        now = int(time.time())
        claims = {
            "iss": "test", "aud": asked["service"], "exp": now + 300, "nbf": now - 10, "iat": now, "jti": "1",
            "access": [{"type": kind, "name": name, "actions": allowed}],
        }  # fmt: skip
        der = base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()
        parts = [_b64(json.dumps(each).encode()) for each in ({"typ": "JWT", "alg": "RS256", "x5c": [der]}, claims)]
        signed = self.key.sign(".".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
        body = json.dumps({"token": ".".join([*parts, _b64(signed)])}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.fixture
def token_registry(open_registry: str, folder: Path) -> Iterator[str]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokens")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    bundle = folder / "tokens.pem"
    bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    class Service(TokenService):
        pass

    Service.key, Service.certificate = key, certificate
    service = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = Thread(target=service.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    realm = f"http://127.0.0.1:{service.server_port}/token"
    token = {"realm": realm, "service": "test", "issuer": "test", "rootcertbundle": str(bundle)}
    try:
        with distribution(folder, {"token": token}) as url:
            Service.registry = urlsplit(url).netloc
            yield f"http://127.0.0.1:{service.server_port}"
    finally:
        service.shutdown()
        service.server_close()
        thread.join()


def test_tokens_allow_what_they_say(open_registry: str, token_registry: str) -> None:
    digest = digest_in(open_registry, "v1")
    assert ask("image_info", endpoint=token_registry).result.get("digest") == digest
    refused = ask("image_tag", endpoint=token_registry, image=f"{IMAGE}@{digest}", tag="v1.0.0")
    assert refused.code == "registry_denied", refused.output
    assert "push" in refused.result["msg"]

    signed_in = {"endpoint": token_registry, "username": "todo", "password": PASSWORD, "tag": "v1.0.0"}
    for check, changed in ((True, True), (False, True), (False, False)):
        run = ask("image_tag", image=f"{IMAGE}@{digest}", check=check, **signed_in)
        assert not run.failed, run.output
        assert run.result["changed"] is changed
        assert PASSWORD not in run.output
    assert digest_in(open_registry, "v1.0.0") == digest


def pushed(url: str, number: int) -> str:
    """An image of the repository todo-app/old; its digest."""
    config = {"os": "linux", "architecture": "amd64", "created": f"2026-01-{number:02}T00:00:00Z", "config": {}}
    text = json.dumps(config).encode()
    begun = httpx.post(f"{url}/v2/todo-app/old/blobs/uploads/", trust_env=False).headers["location"]
    digest = f"sha256:{hashlib.sha256(text).hexdigest()}"
    put = httpx.URL(begun).copy_merge_params({"digest": digest})
    httpx.put(put, content=text, trust_env=False).raise_for_status()
    about = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(text)}
    body = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": about, "layers": []}).encode()
    to = f"{url}/v2/todo-app/old/manifests/sha-{number}"
    done = httpx.put(to, content=body, headers={"Content-Type": MANIFEST}, trust_env=False)
    return str(done.headers["docker-content-digest"])


def test_old_images_go_and_what_a_set_names_stays(open_registry: str, token_registry: str) -> None:
    """The environment is made up, the registry is none: it lists, and deletes by a token that may."""
    digests = [pushed(open_registry, number) for number in range(1, 6)]
    world = World()
    world.apply({"api": {**A1, "image": f"ghcr.io/todo-app/old:sha-2@{digests[1]}"}})
    access = {"host": "ghcr.io", "endpoint": token_registry, "validate_certs": True}
    params = {
        "environment": "staging", "namespace": "ns", "others": [], "images": ["ghcr.io/todo-app/old"],
        "newest": 1, "tags": ["*-4"], "min_age_days": 7, "packages_api": "",
    }  # fmt: skip
    with pytest.raises(TodoCloudError) as refused:
        clean_up(world.kube, {**params, "registries": [access]}, check=False)
    assert "does not let an anonymous client delete from todo-app/old" in refused.value.failure.message
    mine = {**params, "registries": [{**access, "username": "todo", "password": PASSWORD}]}
    deleted = [clean_up(world.kube, mine, check=check)["deleted"] for check in (True, False, False)]
    assert [sorted(each["tags"] for each in found) for found in deleted] == [[["sha-1"], ["sha-3"]]] * 2 + [[]]
    left = httpx.get(f"{open_registry}/v2/todo-app/old/tags/list", trust_env=False).json()["tags"]
    assert sorted(left) == ["sha-2", "sha-4", "sha-5"]


def test_a_bundle_goes_to_a_registry_and_its_images_to_another_one(folder: Path, tmp_path: Path) -> None:
    """Uploads part by part, an index after its platforms, signatures by tag and as referrers; then nothing more."""
    with FakeRegistry().serving() as near, distribution(folder) as url:
        far = Far(near, SimpleNamespace(url=url, repositories={}), tmp_path)  # type: ignore[arg-type]  # a real one
        registries = [{"host": "*", "endpoint": url}]
        place = "oci://registry.acme.example/bundles/todo:v1.0.0"
        for changed in (True, False):
            pushed = far.build(bundle=place, push_registries=registries)
            assert (pushed["changed"], far.build()["changed"]) == (changed, changed)
        assert far.build()["digest"] == pushed["digest"], "wherever it goes"
        near.repositories.clear()
        for changed in (True, False):
            found = far.open()
            assert (found["changed"], found["digest"]) == (changed, pushed["digest"])
        (image,) = found["images"]
        where = Ref.parse(f"registry.acme.example/{THERE}@{far.digest}")
        client = RegistryClient(where.registry, Access.to(where.registry, {"endpoint": url}))
        assert image["image"].endswith(client.digest(where))
        assert client.image(where).platforms.keys() == {"linux/amd64", "linux/arm64"}
        assert why_unsigned(client, where, ImageKeys.parse(far.signer.public)) == ""
        assert client.blob_part(where, digest_of(LAYER), 1 << 20, 1 << 20) == LAYER[1 << 20 : 2 << 20]
        again = far.open(bundle=place, registries=registries)
        assert (again["changed"], again["digest"]) == (False, pushed["digest"])
