"""The stand-in under DigitalOcean's own name, for clients that know no other address: a proxy, and a certificate."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support.digitalocean.server import FakeDigitalOcean

HOST = "api.digitalocean.com"


@contextmanager
def by_name(cloud: FakeDigitalOcean, folder: Path) -> Iterator[dict[str, str]]:
    """Environment variables by which a program reaches ``cloud`` at https://api.digitalocean.com."""
    both = folder / "cloud.pem"
    private, public = certificate(HOST)
    both.write_bytes(private + public)
    with cloud.serving(both), _proxy(cloud.address) as address:
        yield {"https_proxy": f"http://{address}", "no_proxy": "", "SSL_CERT_FILE": str(both)}


def certificate(host: str) -> tuple[bytes, bytes]:
    """Key and certificate of a name or an address, its own authority."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    try:
        known: x509.GeneralName = x509.IPAddress(ip_address(host))
    except ValueError:
        known = x509.DNSName(host)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([known]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, made.public_bytes(Encoding.PEM)


@contextmanager
def _proxy(target: str) -> Iterator[str]:
    """Leads HOST to ``target``, and nothing else anywhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            if self.path != f"{HOST}:443":
                self.send_error(403)
                return
            host, _, port = target.rpartition(":")
            with socket.create_connection((host, int(port))) as there:
                self.connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                _relay(self.connection, there)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _relay(one: socket.socket, other: socket.socket) -> None:
    ways = {one: other, other: one}
    while True:
        for ready in select.select(list(ways), [], [])[0]:
            try:
                data = ready.recv(65536)
            except OSError:
                data = b""
            if not data:
                return
            ways[ready].sendall(data)
