# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Job of a release of charts/service wrote."""

from __future__ import annotations

from contextlib import suppress

from ..known_secrets import KNOWN, secrets_of
from ..kube.api import KubeObserver
from ..kube.errors import KubeError
from ..kube.resources import POD, SECRET
from ..kube.secret_data import texts_of
from ..readiness.fields import name

_LETTERS = 64_000
_NOT_HELMS = "type!=helm.sh/release.v1"


def last_lines(kube: KubeObserver, namespace: str, release: str, count: int) -> list[str]:
    """Its last lines, and what could not be read. From now on values of the namespace's Secrets are masked, where these
    may be read.
    """
    with suppress(KubeError):
        for secret in kube.list_(SECRET, namespace, field_selector=_NOT_HELMS)[0]:
            KNOWN.add(secrets_of(texts_of(secret)))
    lines: list[str] = []
    try:
        for pod in kube.list_(POD, namespace, label_selector=f"app.kubernetes.io/instance={release}")[0]:
            lines += kube.logs(namespace, name(pod), release, tail=count)[-_LETTERS:].splitlines()
    except KubeError as exc:
        lines.append(f"(not all of its output could be read: {exc.failure.message})")
    return lines[-count:]
