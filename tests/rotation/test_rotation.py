"""Dapr's certificates are renewed under load, by a run that is killed halfway and one that continues it."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from ansible_collections.todo.cloud.plugins.module_utils.dapr.authority import signed_by, split
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.e2e.conftest import DAPR, NAMESPACE, TOP, Cluster, User, Watcher, until
from tests.support.patience import patience

BOOK = "playbooks/rotate_dapr_certificates.yml"
NOW = "dapr_rotate_below_days=400"
PATIENT = ("-e", f"release_timeout={patience(180):.0f}", "-e", f"dapr_timeout={patience(180):.0f}")
FIRST, LAST = "backend-api", "sse-gateway"  # in the order of the restarts
_INTERNAL_PORT = 50002  # where sidecars call each other
_ASK = (
    "import sys,urllib.request as u,urllib.error as e\n"
    "try: print(u.urlopen('http://127.0.0.1:3500/v1.0/invoke/'+sys.argv[1]+'/method/health',timeout=10).status)\n"
    "except e.HTTPError as x: print(x.code,x.read()[:300].decode())\n"
)


def bundle(app: Cluster) -> dict[str, str]:
    """What the Secret holds; keys are not looked at."""
    data = app.get("secret", "dapr-trust-bundle", DAPR)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items() if key.endswith(".crt")}


def certificate(pod: dict[str, Any]) -> x509.Certificate:
    """The one that a pod's sidecar shows to others."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    address = (pod["status"]["podIP"], _INTERNAL_PORT)
    with socket.create_connection(address, timeout=10) as plain, context.wrap_socket(plain) as tls:
        return x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")


def is_of(app: Cluster, release: str, issuer: str) -> bool:
    """Whether every pod of a release has its certificate of this issuer."""
    pods = app.pods(release)
    try:
        found = [signed_by(certificate(pod).public_bytes(Encoding.PEM).decode(), [issuer]) for pod in pods]
    except (KeyError, OSError):  # no address yet, or nobody listens there yet
        return False
    return bool(found) and all(found)


def invoked(app: Cluster, caller: str, callee: str) -> str:
    """What the callee's sidecar answers to the caller's."""
    (pod, *_others) = app.pods(caller)
    command = ("python3", "-c", _ASK, callee)
    return app.kubectl("exec", "-n", NAMESPACE, pod["metadata"]["name"], "-c", caller, "--", *command)


@contextmanager
def writing(user: User, failures: list[str], counts: list[int]) -> Iterator[None]:
    """Tasks are created all the time: a row, and an event that is published through Dapr."""
    stop = threading.Event()

    def loop() -> None:
        with httpx.Client(
            base_url=user.http.base_url, cookies=user.http.cookies, headers=user.http.headers, timeout=30
        ) as http:
            while not stop.wait(0.2):
                try:
                    answer = http.post("/api/tasks", json={"title": "rotated"})
                    counts.append(answer.status_code)
                    if answer.status_code != 201:
                        failures.append(f"{answer.status_code} {answer.text[:80]}")
                except httpx.HTTPError as error:
                    failures.append(repr(error))

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_certificates_are_renewed_and_no_request_fails(app: Cluster, user: User, endpoint: str) -> None:
    before = bundle(app)
    dry = app.playbook(BOOK, "--check", "-e", NOW).ok()
    assert "would restart backend-api" in dry.output
    assert bundle(app) == before

    failures: list[str] = []
    created: list[int] = []
    begun = time.monotonic()
    with Watcher(f"{endpoint}/api/tasks", user.http.cookies).watching() as load, writing(user, failures, created):
        run = subprocess.Popen(
            ["ansible-playbook", BOOK, "-i", "inventories/local", "-e", NOW],
            cwd=TOP, env=app.environ, start_new_session=True, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        output: list[str] = []
        reader = threading.Thread(target=lambda: output.extend(run.stdout or ()), daemon=True)
        reader.start()

        def switched() -> bool:
            assert run.poll() is None, "".join(output)[-4000:]
            now = bundle(app)
            return now["issuer.crt"] != before["issuer.crt"] and is_of(app, FIRST, now["issuer.crt"])

        until(switched, 400, "the first service has a certificate of the new issuer", 1)
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        reader.join()
        mixed = bundle(app)
        assert split(mixed["ca.crt"])[0] == split(before["ca.crt"])[0], "the old root is still trusted"
        assert is_of(app, LAST, before["issuer.crt"])
        for caller, callee in ((FIRST, LAST), (LAST, FIRST)):
            answer = invoked(app, caller, callee)
            assert "ERR_DIRECT_INVOKE" not in answer or "PermissionDenied" in answer, f"{caller} -> {callee}: {answer}"

        rest = app.playbook(BOOK, *PATIENT, TODO_LOCK_WAIT="120").ok()
        whole = "".join(output) + rest.output
    seconds = time.monotonic() - begun

    after = bundle(app)
    assert (after["issuer.crt"], after["ca.crt"]) == (mixed["issuer.crt"], split(mixed["ca.crt"])[1])
    for release in (FIRST, LAST, "notification-service", "recurring-task-service"):  # the frontend has no sidecar
        assert is_of(app, release, after["issuer.crt"]), release
    key = app.get("secret", "dapr-trust-bundle", DAPR)["data"]["issuer.key"]
    assert base64.b64decode(key).decode().split("\n")[1] not in whole, "no key is shown"
    print(f"{load.requests} requests and {len(created)} new tasks in {seconds:.0f} s, {len(failures)} failed")
    assert load.failures == []
    assert failures == []

    again = app.playbook(BOOK).ok()
    assert again.count("changed") == 0
    assert re.search(r"36\d days; they are renewed when fewer than 60 are left", " ".join(again.output.split()))
    status = " ".join(app.playbook("playbooks/status.yml").ok().output.split())
    assert re.search(r"certificates: 36\d days; mutual TLS on", status), status
    site = app.playbook("site.yml").ok()
    assert json.dumps(site.output).count("dapr: as described") == 1, "Helm has nothing to mend"
