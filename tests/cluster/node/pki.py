"""Certificates and kubeconfigs of a cluster, laid out as kubeadm does (https://kubernetes.io/docs/setup/best-practices/certificates/)."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.cluster.state import Cluster

PUBLIC_CA = "public-ca"  # signs the certificates of public names; browsers have to be told
_YEARS = 10
_API_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
    "127.0.0.1",
)
_USERS = {  # kubeconfig: common name, organization
    "admin": ("kubernetes-admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "kube-proxy": ("system:kube-proxy", ""),
    "kwok": ("kwok", "system:masters"),
}


@dataclass(frozen=True)
class _Authority:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def ensure(cluster: Cluster) -> None:
    """Make ``pki/`` in the cluster's folder unless it is there, and the administrator's kubeconfig beside it."""
    folder = cluster.folder / "pki"
    if not folder.exists():
        fresh = cluster.folder / "pki.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        _make(fresh, cluster)
        fresh.rename(folder)
    if cluster.https:
        ensure_public_ca(cluster)
    kubeconfig = Path(cluster.kubeconfig)
    if not kubeconfig.exists():
        fresh = kubeconfig.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes((folder / "admin.kubeconfig").read_bytes())
        fresh.replace(kubeconfig)


def ensure_public_ca(cluster: Cluster) -> None:
    """Make the authority that signs the certificates of public names unless it is there."""
    folder = cluster.folder / "pki"
    folder.mkdir(mode=0o700, exist_ok=True)
    if not (folder / f"{PUBLIC_CA}.key").exists():
        _authority(folder, PUBLIC_CA)


def throw_away(folder: Path, *names: str) -> None:
    """A CA of its own and a server's certificate for ``names``: ca.crt, server.crt and server.key in ``folder``."""
    _certificate(folder, _authority(folder, "ca"), "server", names[0], names=names)


def _make(folder: Path, cluster: Cluster) -> None:
    net = cluster.subnets
    root, front = _authority(folder, "ca"), _authority(folder, "front-proxy-ca")
    _certificate(folder, front, "front-proxy-client", "front-proxy-client")
    _certificate(folder, root, "apiserver", "kube-apiserver", names=[*_API_NAMES, net.node_ip, net.api_ip])
    _certificate(folder, root, "apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters")
    users = dict(_USERS)
    for node in (cluster.node, cluster.second_node):
        users[f"kubelet{node.suffix}"] = who = (f"system:node:{node.name}", "system:nodes")
        server = f"kubelet-server{node.suffix}"
        _certificate(folder, root, server, *who, names=[node.name, node.ip, "127.0.0.1"])
    signer = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _write(folder / "sa.key", _private(signer))
    _write(folder / "sa.pub", signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    for user, (name, organization) in users.items():
        _certificate(folder, root, user, name, organization)
        _write(folder / f"{user}.kubeconfig", _kubeconfig(folder, cluster, user))


def _kubeconfig(folder: Path, cluster: Cluster, user: str) -> bytes:
    def inline(name: str) -> str:
        return base64.b64encode((folder / name).read_bytes()).decode()

    name = f"todo-cloud-{cluster.name}"
    server = {"server": f"https://{cluster.node_ip}:6443", "certificate-authority-data": inline("ca.crt")}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": server}],
        "users": [
            {
                "name": user,
                "user": {"client-certificate-data": inline(f"{user}.crt"), "client-key-data": inline(f"{user}.key")},
            }
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
    }
    return yaml.safe_dump(document, sort_keys=False).encode()


def _authority(folder: Path, name: str) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(f"todo-cloud {name}")
    builder = _builder(subject, subject, key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    authority = _Authority(key, builder.sign(key, hashes.SHA256()))
    _write(folder / f"{name}.crt", authority.certificate.public_bytes(Encoding.PEM))
    _write(folder / f"{name}.key", _private(key))
    return authority


def _certificate(
    folder: Path, issuer: _Authority, file: str, name: str, organization: str = "", names: Sequence[str] = ()
) -> None:
    """A client certificate, with ``names`` (addresses or DNS names) one for servers too."""
    key = ec.generate_private_key(ec.SECP256R1())
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if names else [])]
    builder = _builder(_subject(name, organization), issuer.certificate.subject, key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_alternative(entry) for entry in names]), critical=False
        )
    _write(folder / f"{file}.crt", builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.PEM))
    _write(folder / f"{file}.key", _private(key))


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(hours=1))
    return builder.not_valid_after(now + dt.timedelta(days=365 * _YEARS))


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        key_encipherment=not signs,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(name: str, organization: str = "") -> x509.Name:
    group = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    return x509.Name([*group, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _private(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
