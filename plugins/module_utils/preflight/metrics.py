# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether autoscalers by CPU or memory get what they scale by: the metrics API, which not every cluster has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..failure import Code
from ..kube.api import KubeReader
from ..kube.errors import Forbidden
from ..kube.resources import API_SERVICE
from ..readiness.kinds import status_of
from ..readiness.status import State
from ..readiness.templates import Object, items, mapping
from .needs import label_of
from .problem import Problem

_NAME = "v1beta1.metrics.k8s.io"
_INSTALL = "run playbooks/platform.yml, whose role metrics_server installs one, or enable the cloud's own"
_LOOK = f"kubectl get apiservice {_NAME}"


def metrics_api(kube: KubeReader, rendered: Mapping[str, Sequence[Object]]) -> Iterator[Problem]:
    """Told, since the pods serve without it. Asked only where there is such an autoscaler."""
    scaled = [(release, item) for release, listed in rendered.items() for item in listed if _by_resource(item)]
    if not scaled:
        return
    try:
        live = kube.find(API_SERVICE, "", _NAME)
    except Forbidden:
        return
    found = status_of({**live, "apiVersion": API_SERVICE.api_version, "kind": API_SERVICE.kind}) if live else None
    if found and found.state is State.CURRENT:
        return
    what, remedy = (f"does not answer ({found.message})", _LOOK) if found else ("is not there", _INSTALL)
    for release, item in scaled:
        message = f"{label_of(item)} needs the cluster's metrics server, which {what}, so it will not scale"
        yield Problem(release, Code.NOT_FOUND, message, remedy, certain=False)


def _by_resource(item: Object) -> bool:
    """Without metrics it is 80 % of the CPU."""
    if item.get("kind") != "HorizontalPodAutoscaler":
        return False
    kinds = [str(metric.get("type")) for metric in items(mapping(item.get("spec")).get("metrics"))]
    return not kinds or any(kind in ("Resource", "ContainerResource") for kind in kinds)
