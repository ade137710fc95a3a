# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long Dapr's certificates live: sentry's root and issuer are made for a year and are not renewed by themselves."""

from __future__ import annotations

import base64
import binascii
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..kube.api import KubeReader
from ..kube.errors import Forbidden
from ..kube.resources import SECRET, Resource

TRUST_BUNDLE = "dapr-trust-bundle"
_CONFIGURATION = Resource("dapr.io/v1alpha1", "Configuration", "configurations")
_DAY_S = 86400


@dataclass(frozen=True)
class Trust:
    """``mtls`` is None, and days are None with ``why``, when the credential may not read it."""

    mtls: bool | None
    root_days_left: int | None
    issuer_days_left: int | None
    why: str = ""

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "mtls": self.mtls,
            "root_days_left": self.root_days_left,
            "issuer_days_left": self.issuer_days_left,
            "why": self.why,
        }


def days_left(pem: str, now: float) -> int | None:
    """Whole days until the first CA certificate in ``pem`` expires, negative when it has; None when there is none to
    read.

    ``now``: seconds since the epoch. The standard library reads CA certificates that it is told to trust.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError):
        return None
    ends = [ssl.cert_time_to_seconds(str(found["notAfter"])) for found in context.get_ca_certs() if "notAfter" in found]
    return int((min(ends) - now) // _DAY_S) if ends else None


def read_trust(kube: KubeReader, namespace: str) -> Trust:
    """mTLS switch and days left, as far as the credential may read them."""
    why: list[str] = []
    mtls: bool | None = None
    bundle: Mapping[str, Any] = {}
    try:
        found = kube.find(_CONFIGURATION, namespace, "daprsystem")
        mtls = bool(((found or {}).get("spec") or {}).get("mtls", {}).get("enabled", True)) if found else None
        why += [] if found else [f"there is no Configuration daprsystem in namespace {namespace}"]
    except Forbidden as exc:
        why.append(str(exc))
    try:
        bundle = (kube.find(SECRET, namespace, TRUST_BUNDLE) or {}).get("data") or {}
        why += [] if bundle else [f"there is no Secret {TRUST_BUNDLE} in namespace {namespace}"]
    except Forbidden as exc:
        why.append(str(exc))
    now = kube.server_now()
    return Trust(mtls, _days(bundle, "ca.crt", now), _days(bundle, "issuer.crt", now), "; ".join(why))


def _days(bundle: Mapping[str, Any], key: str, now: float) -> int | None:
    try:
        return days_left(base64.b64decode(str(bundle.get(key, "")), validate=True).decode(), now)
    except (binascii.Error, UnicodeDecodeError):
        return None
