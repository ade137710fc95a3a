# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which environments of this collection are in a cluster, by the labels of its namespaces."""

from __future__ import annotations

from ..kube.resources import NAMESPACE
from ..kube.session import KubeSession
from ..labels import ENVIRONMENT
from .api import DigitalOcean, Found
from .kubeconfig import fetch

_SECONDS = 300


def environments_in(cloud: DigitalOcean, cluster: Found) -> list[str]:
    """Sorted. Raises what the API of DigitalOcean and that of Kubernetes say."""
    kubeconfig = fetch(cloud, cluster, _SECONDS).content
    with KubeSession({"kubeconfig": dict(kubeconfig)}, patience=20.0) as kube:
        found, _version = kube.list_(NAMESPACE, label_selector=ENVIRONMENT, metadata_only=True)
    return sorted({str(each["metadata"]["labels"][ENVIRONMENT]) for each in found})
