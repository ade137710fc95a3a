# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images and the nodes that are to run them: an image that was not built for their platform can't be pulled; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..failure import Code
from ..readiness.templates import Object, Template, mapping
from .capacity import may_run
from .needs import images_of
from .problem import Problem

Platforms = Mapping[str, Sequence[str]]  # by image: "os/architecture[/variant]" of each; an unknown image is not in it


def mismatches(
    templates: Iterable[tuple[str, Template]], nodes: Sequence[Object], platforms: Platforms
) -> Iterator[Problem]:
    """Images that some node which may run them has no platform for. ``templates``: with their releases."""
    for release, template in templates:
        fitting = [node for node in nodes if may_run(template.spec, node)]
        by_platform = {name: node for node in fitting if (name := _platform_of(node))}
        for image in sorted(images_of(template) & platforms.keys()):
            built = {_architecture(name) for name in platforms[image]}
            lacking = sorted(by_platform.keys() - built)
            if not built or not lacking:
                continue
            message = (
                f"image {image} of {template.owner} is built for {', '.join(sorted(platforms[image]))}; the nodes "
                f"that may run it are {', '.join(sorted(by_platform))}"
            )
            remedy = f"build it for {', '.join(lacking)} too, or choose other nodes (nodeSelector kubernetes.io/arch)"
            # Where some nodes fit, the scheduler may choose one; Docker may emulate an architecture.
            certain = len(lacking) == len(by_platform) and not any(_emulates(node) for node in fitting)
            yield Problem(release, Code.IMAGE_NOT_FOUND, message, remedy, certain)


def _architecture(platform: str) -> str:
    """Without the variant: ``linux/arm64/v8`` runs on every ``linux/arm64``."""
    return "/".join(platform.split("/")[:2])


def _info(node: Object) -> Object:
    return mapping(mapping(node.get("status")).get("nodeInfo"))


def _platform_of(node: Object) -> str:
    info = _info(node)
    system, architecture = info.get("operatingSystem"), info.get("architecture")
    return f"{system}/{architecture}" if system and architecture else ""


def _emulates(node: Object) -> bool:
    return str(_info(node).get("containerRuntimeVersion")).startswith("docker")
