# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Admission webhooks that cannot be called, so that no pod can be made; asked by a dry run of such a pod."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..kube.api import KubeApi
from ..kube.deadline import Deadline
from ..kube.errors import KubeError, Refused
from ..kube.resources import DAEMON_SET, DEPLOYMENT, JOB, POD, REPLICA_SET, STATEFUL_SET
from ..readiness.templates import template_of

# k8s.io/apiserver, pkg/admission/plugin/webhook
_FAILED = re.compile(r'failed calling webhook "([^"]+)": (?:failed to call webhook: )?(.+)', re.DOTALL)
_NO_DRY_RUN = re.compile(r"does not support dry run", re.IGNORECASE)
_SERVICE = re.compile(r'"https://([^./"]+)\.([^./"]+)\.svc[.:/]')
_OWNERS = {each.kind: each for each in (DEPLOYMENT, REPLICA_SET, STATEFUL_SET, DAEMON_SET, JOB)}
_SECONDS = 5.0  # one that takes longer is not back
_REASON = 160


@dataclass(frozen=True)
class Uncalled:
    """A webhook that cannot be called, its Service (namespace, name) where it has one, and the API server's words."""

    name: str
    why: str
    service: tuple[str, str] | None


def uncalled(text: str) -> Uncalled | None:
    """The webhook that a refusal names."""
    found = _FAILED.search(text)
    if not found:
        return None
    service = _SERVICE.search(found[2])
    why = " ".join(found[2].rsplit('": ', 1)[-1].split())[:_REASON]
    return Uncalled(found[1], why, (service[2], service[1]) if service else None)


def still_uncalled(kube: KubeApi, namespace: str, kind: str, workload: str, before: Uncalled) -> Uncalled | None:
    """The webhook that a pod of this workload meets now, by a dry run of one; ``before`` where that tells nothing."""
    deadline = Deadline.after(_SECONDS)
    try:
        owner = kube.find(_OWNERS[kind], namespace, workload, deadline=deadline) if kind in _OWNERS else None
        template = template_of({**owner, "kind": kind}) if owner else None
        if not template:
            return before
        kube.create(POD, namespace, template.pod(f"{workload[:240]}-asked"), dry_run=True, deadline=deadline)
    except KubeError as exc:
        text = _text(exc)
        known = isinstance(exc, Refused) and not _NO_DRY_RUN.search(text)
        return uncalled(text) or (None if known else before)
    return None


def _text(exc: KubeError) -> str:
    details = exc.failure.details
    return str(details.get("api_message") or details.get("cause") or exc.failure.message)
