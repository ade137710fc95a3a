# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates of an environment's public endpoints, from cert-manager: their expiry, and why one is not issued."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..kube.api import KubeReader
from ..kube.errors import Forbidden, NotFound
from ..kube.resources import Resource
from ..readiness.fields import is_true

_CERTIFICATE = Resource("cert-manager.io/v1", "Certificate", "certificates")
_REQUEST = Resource("cert-manager.io/v1", "CertificateRequest", "certificaterequests")
_ORDER = Resource("acme.cert-manager.io/v1", "Order", "orders")
_CHALLENGE = Resource("acme.cert-manager.io/v1", "Challenge", "challenges")
_DAY_SECONDS = 86400
_HOUR_SECONDS = 3600
_LONGEST_PAUSE_HOURS = 32  # cert-manager's: an hour after the first failure, then twice as long each time
_RETRY_AFTER = re.compile(r"retry after (\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d ?(?:UTC|Z))")  # as Let's Encrypt says it

TRIES_AGAIN = "cert-manager tries again at"  # it failed

Item = Mapping[str, Any]


def certificates(kube: KubeReader, namespace: str) -> list[dict[str, Any]]:
    """Name, whole days left (None: not issued yet), readiness, and what keeps it from being ready, or from being
    renewed, of each Certificate.

    Empty without cert-manager, or when the credentials may not read them.
    """
    found = _list(kube, _CERTIFICATE, namespace)
    # Certificates name what asks for them, those the ACME order, and that its challenges.
    unready = any(not is_true(item, "Ready") or _failed(item) for item in found)
    lower = [_list(kube, kind, namespace) if unready else [] for kind in (_REQUEST, _ORDER, _CHALLENGE)]
    now = kube.server_now()
    return sorted((_describe(item, lower, now) for item in found), key=lambda each: str(each["name"]))


def unissued(kube: KubeReader, namespace: str) -> list[str]:
    """A sentence for each Certificate that was never issued."""
    found = [each for each in certificates(kube, namespace) if each["days_left"] is None and not each["ready"]]
    return [f"Certificate {each['name']} is not issued: {each['why']}." for each in found]


def _list(kube: KubeReader, kind: Resource, namespace: str) -> list[dict[str, Any]]:
    try:
        return list(kube.list_(kind, namespace)[0])
    except (Forbidden, NotFound):
        return []


def _describe(item: Item, lower: Sequence[Sequence[Item]], now: float) -> dict[str, Any]:
    ends = _status(item).get("notAfter")
    ready = is_true(item, "Ready")
    days = int((datetime.fromisoformat(ends).timestamp() - now) // _DAY_SECONDS) if ends else None
    why = _why(item, lower) if not ready else f"renewal failed: {_why(item, lower)}" if _failed(item) else ""
    return {"name": item["metadata"]["name"], "days_left": days, "ready": ready, "why": why}


def _why(item: Item, lower: Sequence[Sequence[Item]]) -> str:
    """The most exact reason that there is, and when cert-manager, or the ACME server, lets it be tried again."""
    requests = _newest_owned(lower[0], [item])
    orders = _owned(lower[1], requests)
    challenges = _owned(lower[2], orders)
    texts = [*_challenge_texts(challenges), *_order_texts(orders), *_messages(requests, "Ready"), *_own_messages(item)]
    reason = next(texts_left := iter(texts), "cert-manager has not looked at it yet")
    return ". ".join([reason, *_again(item, [reason, *texts_left])])


def _challenge_texts(challenges: Sequence[Item]) -> Iterator[str]:
    for each in challenges:
        spec, status = each.get("spec") or {}, _status(each)
        if status.get("state") != "valid":
            state = status.get("state") or "not begun"
            reason = _line(status.get("reason"))
            yield f"{spec.get('type')} challenge for {spec.get('dnsName')} is {state}" + (
                f": {reason}" if reason else ""
            )


def _order_texts(orders: Sequence[Item]) -> Iterator[str]:
    for each in orders:
        if reason := _line(_status(each).get("reason")):
            yield f"order {each['metadata']['name']} is {_status(each).get('state') or 'not begun'}: {reason}"


def _messages(items: Sequence[Item], kind: str) -> Iterator[str]:
    for each in items:
        yield from (
            _line(c.get("message"))
            for c in _status(each).get("conditions") or ()
            if c.get("type") == kind and c.get("status") == "False" and c.get("message")
        )


def _own_messages(item: Item) -> Iterator[str]:
    yield from (text for kind in (("Issuing",) if _failed(item) else ()) for text in _messages([item], kind))
    yield from _messages([item], "Ready")


def _again(item: Item, texts: Sequence[str]) -> Iterator[str]:
    limits = [match[1] for text in texts if (match := _RETRY_AFTER.search(text))]
    if limits:
        yield f"The ACME server's limit ends at {max(limits)}; more runs do not help before"
    failed, last = _failed(item), _status(item).get("lastFailureTime")
    if failed and last:
        pause = min(2 ** (failed - 1), _LONGEST_PAUSE_HOURS) * _HOUR_SECONDS
        again = datetime.fromtimestamp(datetime.fromisoformat(last).timestamp() + pause, UTC)
        yield f"{TRIES_AGAIN} {again:%Y-%m-%dT%H:%M:%SZ}"


def _owned(items: Sequence[Item], owners: Sequence[Item]) -> list[Item]:
    uids = {owner["metadata"].get("uid") for owner in owners} - {None}
    return [
        each for each in items if {o.get("uid") for o in each["metadata"].get("ownerReferences") or ()} & uids
    ]  # fmt: skip


def _newest_owned(items: Sequence[Item], owners: Sequence[Item]) -> list[Item]:
    found = sorted(_owned(items, owners), key=lambda each: str(each["metadata"].get("creationTimestamp")))
    return found[-1:]


def _failed(item: Item) -> int:
    """How many attempts have failed since the last certificate."""
    return int(_status(item).get("failedIssuanceAttempts") or 0)


def _status(item: Item) -> Mapping[str, Any]:
    return item.get("status") or {}


def _line(text: object) -> str:
    return " ".join(str(text or "").split()).rstrip(".")
