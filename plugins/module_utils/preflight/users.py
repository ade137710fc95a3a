# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Containers that may not run as root (runAsNonRoot), and whose user the kubelet cannot accept; pure.

Rules of the kubelet: runAsUser of the container or its pod counts, else the user of the image, which has to be a number
other than 0 (k8s.io/kubernetes, pkg/kubelet/kuberuntime/security_context.go).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..failure import Code
from ..parsing import quoted
from ..readiness.templates import Object, Template, items, mapping
from .problem import Problem

_FIELDS = ("initContainers", "containers")


def images_that_say(template: Template, pod: Object) -> set[str]:
    """Images whose own user decides. ``pod``: as admission made it of the template."""
    return {str(each.get("image")) for each, user in _bound(template, pod) if user is None and each.get("image")}


def unfit_users(release: str, template: Template, pod: Object, users: Mapping[str, str]) -> Iterator[Problem]:
    """``users``: by image, as far as they are known; empty for one that names none."""
    for container, user in _bound(template, pod):
        image, said = str(container.get("image") or ""), f"its runAsUser is {user}"
        if user is None:
            if image not in users:
                continue
            user = users[image].partition(":")[0]
            said = f"the user of image {image} is {quoted(user) if user else 'root'}"
        if user.isdecimal() and user.strip("0"):
            continue
        why = f"{said}, a name, which the kubelet cannot check" if user and not user.isdecimal() else said
        message = f"container {container.get('name')} of {template.owner} has runAsNonRoot, and {why}"
        yield Problem(release, Code.CONTAINER_START, message, "set runAsUser to the number of a user other than root")


def _bound(template: Template, pod: Object) -> Iterator[tuple[Object, str | None]]:
    """The template's containers that may not run as root, each with its runAsUser; None: the image's."""
    own = {str(each.get("name")) for field in _FIELDS for each in items(template.spec.get(field))}
    spec = mapping(pod.get("spec"))
    if mapping(spec.get("os")).get("name") == "windows":
        return
    whole = mapping(spec.get("securityContext"))
    for container in (each for field in _FIELDS for each in items(spec.get(field))):
        context = {**whole, **mapping(container.get("securityContext"))}
        if context.get("runAsNonRoot") is True and str(container.get("name")) in own:
            user = context.get("runAsUser")
            yield container, None if user is None else str(user)
