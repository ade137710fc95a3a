# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Jobs of a release of charts/service, and what they wrote."""

from __future__ import annotations

from contextlib import suppress

from ..helm.manifest import objects_of
from ..helm.storage import HelmReader
from ..known_secrets import KNOWN, secrets_of
from ..kube.api import KubeObserver, KubeReader, Object
from ..kube.errors import KubeError
from ..kube.resources import JOB, POD, SECRET
from ..kube.secret_data import texts_of
from ..labels import OWNER_NAMESPACE, OWNER_RELEASE
from ..readiness.fields import controller, metadata, name
from ..readiness.pods import created

_INSTANCE = "app.kubernetes.io/instance"
_LETTERS = 64_000
_NOT_HELMS = "type!=helm.sh/release.v1"


def jobs_of(kube: KubeReader, storage: HelmReader, release: str) -> list[Object]:
    """Oldest first: those that Helm marked as the release's and stores in one of its revisions. Others may have its
    labels: those of a CronJob, or a person's copy of one.
    """
    owner = {OWNER_RELEASE: release, OWNER_NAMESPACE: storage.namespace}
    found = [
        job
        for job in kube.list_(JOB, storage.namespace, label_selector=f"{_INSTANCE}={release}")[0]
        if owner.items() <= (metadata(job).get("annotations") or {}).items() and not controller(job)
    ]
    stored = storage.contents(release)[1] if found else []
    names = {name(item) for each in stored for item in objects_of(each.manifest) if item.get("kind") == JOB.kind}
    return sorted((job for job in found if name(job) in names), key=created)


def last_lines(kube: KubeObserver, namespace: str, release: str, count: int) -> list[str]:
    """Its last lines, and what could not be read. From now on values of the namespace's Secrets are masked, where these
    may be read.
    """
    with suppress(KubeError):
        for secret in kube.list_(SECRET, namespace, field_selector=_NOT_HELMS)[0]:
            KNOWN.add(secrets_of(texts_of(secret)))
    lines: list[str] = []
    try:
        for pod in kube.list_(POD, namespace, label_selector=f"{_INSTANCE}={release}")[0]:
            if controller(pod).get("kind") != JOB.kind:
                continue
            lines += kube.logs(namespace, name(pod), release, tail=count)[-_LETTERS:].splitlines()
    except KubeError as exc:
        lines.append(f"(not all of its output could be read: {exc.failure.message})")
    return lines[-count:]
