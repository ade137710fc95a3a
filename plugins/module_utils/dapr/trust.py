# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Expiry of Dapr's certificates: sentry's root and issuer are valid for a year and are not renewed automatically."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..kube.api import KubeReader
from ..kube.errors import Forbidden
from ..kube.resources import CONFIG_MAP, SECRET, Resource
from ..kube.secret_data import texts_of

TRUST_BUNDLE = "dapr-trust-bundle"  # a Secret with root, issuer and its key; a ConfigMap with the root alone
ROOT, ISSUER, ISSUER_KEY = "ca.crt", "issuer.crt", "issuer.key"
ENOUGH_DAYS = 30
_CONFIGURATION = Resource("dapr.io/v1alpha1", "Configuration", "configurations")
_SYSTEM = "daprsystem"
_DAY_SECONDS = 86400


@dataclass(frozen=True)
class Trust:
    """``mtls`` and days are None, with ``why``, when the credentials may not read them."""

    mtls: bool | None
    root_days_left: int | None
    issuer_days_left: int | None
    why: str = ""
    namespace: str = ""

    @property
    def days_left(self) -> int | None:
        """Of what ends first."""
        known = [days for days in (self.root_days_left, self.issuer_days_left) if days is not None]
        return min(known, default=None)

    def sentences(self) -> Iterator[str]:
        """What is wrong, without a full stop."""
        if self.mtls is False:
            yield (
                f"Dapr's mutual TLS is off (Configuration {_SYSTEM} in namespace {self.namespace}), so services can be "
                "overheard and imitated"
            )
        if text := self.ending():
            yield text

    def ending(self) -> str:
        """That certificates end soon, or have ended; else empty."""
        days = self.days_left
        if days is None or days >= ENOUGH_DAYS:
            return ""
        what = f"Dapr's certificates ({TRUST_BUNDLE} in namespace {self.namespace})"
        if days < 0:
            return f"{what} have ended, so no sidecar starts and services do not reach each other"
        return f"{what} end in {days} {'day' if days == 1 else 'days'}"

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "mtls": self.mtls,
            "root_days_left": self.root_days_left,
            "issuer_days_left": self.issuer_days_left,
            "why": self.why,
        }


def days_left(pem: str, now: float) -> int | None:
    """Whole days until the first CA certificate in ``pem`` expires, negative after that; None without a certificate.

    ``now``: seconds since the epoch. The standard library parses certificates that are loaded as trusted.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError):
        return None
    ends = [ssl.cert_time_to_seconds(str(found["notAfter"])) for found in context.get_ca_certs() if "notAfter" in found]
    return int((min(ends) - now) // _DAY_SECONDS) if ends else None


def read_trust(kube: KubeReader, namespace: str) -> Trust:
    """Whether mTLS is on, and days left, as far as the credentials may read them. Who may not read the Secret, with the
    issuer's key, learns from the ConfigMap about the root: Dapr makes both for the same time.
    """
    why: list[str] = []
    mtls: bool | None = None
    bundle: Mapping[str, str] = {}
    try:
        found = kube.find(_CONFIGURATION, namespace, _SYSTEM)
        mtls = bool(((found or {}).get("spec") or {}).get("mtls", {}).get("enabled", True)) if found else None
        why += [] if found else [f"there is no Configuration {_SYSTEM} in namespace {namespace}"]
    except Forbidden as exc:
        why.append(str(exc))
    try:
        secret = kube.find(SECRET, namespace, TRUST_BUNDLE)
        bundle = texts_of(secret)
        why += [] if (secret or {}).get("data") else [f"there is no Secret {TRUST_BUNDLE} in namespace {namespace}"]
    except Forbidden:
        try:
            bundle = (kube.find(CONFIG_MAP, namespace, TRUST_BUNDLE) or {}).get("data") or {}
        except Forbidden as exc:
            why.append(str(exc))
    now = kube.server_now()
    root, issuer = (days_left(bundle.get(key, ""), now) for key in (ROOT, ISSUER))
    return Trust(mtls, root, issuer, "; ".join(why), namespace)
