# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What OpenShift's SCC restricted-v2 admits of rendered pods; the README says which parts it does.

It gives a pod its user and group from the range of the namespace, so a pod that names its own is refused; else it is as
Pod Security's restricted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.charts.rendering import SHAPES, Helm, merged, minimal_values

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
SERVICES = sorted(name for name, (chart, _values) in SHAPES.items() if chart == "service")


def refused(pod: dict[str, Any]) -> Iterator[str]:
    """Why a pod is not admitted."""
    containers = [*pod.get("initContainers", []), *pod["containers"]]
    for context in (pod.get("securityContext", {}), *(each.get("securityContext", {}) for each in containers)):
        yield from (field for field in ("runAsUser", "fsGroup", "supplementalGroups") if field in context)
        if context.get("seccompProfile", {}).get("type", "RuntimeDefault") != "RuntimeDefault":
            yield "seccompProfile"
    yield from (field for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field))
    for each in containers:
        context = each.get("securityContext", {})
        capabilities = context.get("capabilities", {})
        if context.get("privileged") or context.get("allowPrivilegeEscalation", False):
            yield "privileged"
        if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
            yield "capabilities"
        yield from ("hostPort" for port in each.get("ports", []) if port.get("hostPort"))
    yield from (kind for volume in pod.get("volumes", []) for kind in volume.keys() - {"name"} - VOLUMES)


def pods(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pods of Deployments, StatefulSets, Jobs and CronJobs."""
    specs = [each.get("spec", {}) for each in objects]
    specs = [spec.get("jobTemplate", {}).get("spec", spec) for spec in specs]
    return [spec["template"]["spec"] for spec in specs if "template" in spec]


@pytest.mark.parametrize("shape", SERVICES)
def test_a_service_whose_image_says_its_user_is_admitted(helm: Helm, shape: str) -> None:
    _chart, values = SHAPES[shape]
    given = merged(minimal_values("service"), values)
    own = {"user": "image", "group": "user", "fsGroup": "user", "capabilities": []}
    objects = helm.render("service", {**given, "security": {**given.get("security", {}), **own}}, "api", "todo-staging")
    found = pods(objects)
    assert found
    assert [list(refused(pod)) for pod in found] == [[]] * len(found)


def test_a_service_as_it_is_by_default_names_its_user(helm: Helm) -> None:
    [pod] = pods(helm.service())
    assert list(refused(pod)) == ["runAsUser", "fsGroup"]


def test_the_broker_names_its_user(helm: Helm) -> None:
    [pod] = pods(helm.render("kafka", minimal_values("kafka"), "kafka", "kafka"))
    assert list(refused(pod)) == ["runAsUser", "fsGroup"]
