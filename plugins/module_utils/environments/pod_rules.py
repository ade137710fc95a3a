# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which pods an environment admits: the rules of charts/environment's admission policy, for pods that run; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..parsing import Malformed, load_json, parse_as
from ..readiness.fields import Object, name, spec
from .findings import ADMISSION, Finding
from .quota import amounts

RULES = "todo.cloud/rules"  # annotation of the policy: its parameters
_SIDECAR_IMAGE = "dapr.io/sidecar-image"
_UNTAGGED = re.compile(r"([^@]*/)?[^/:@]+(:latest)?")
_NEEDED = ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory")


@dataclass(frozen=True)
class PodRules:
    """Parameters of the policy. ``registries``: prefixes of images, none for any."""

    registries: tuple[str, ...] = ()
    probes: bool = True


def rules_of(policy: Object) -> PodRules:
    """From a rendered policy, or one in the cluster; raises Malformed."""
    notes = policy["metadata"].get("annotations") or {}
    found: PodRules = parse_as(PodRules, load_json(notes.get(RULES)), RULES)
    return found


def same_rules(live: Object | None, wanted: Object) -> bool:
    """Whether the policy that is there has these parameters; damage counts as no."""
    try:
        return live is not None and rules_of(live) == rules_of(wanted)
    except Malformed:
        return False


def admission_findings(rules: PodRules, pods: Sequence[Object], limits: Object) -> Iterator[Finding]:
    """Running pods that would not be admitted again. ``limits``: of the LimitRange, whose defaults they would get."""
    for pod in pods:
        for reason in refused_for(rules, pod, limits):
            yield Finding(ADMISSION, name(pod), reason)


def refused_for(rules: PodRules, pod: Object, limits: Object) -> Iterator[str]:
    """Why a pod is refused, in the policy's words."""
    containers = list(spec(pod).get("containers") or ())
    counted = [*containers, *(spec(pod).get("initContainers") or ())]
    images = [str(each.get("image")) for each in [*counted, *(spec(pod).get("ephemeralContainers") or ())]]
    volumes = [each.get("image") for each in spec(pod).get("volumes") or ()]
    images += [str(each["reference"]) for each in volumes if isinstance(each, Mapping) and each.get("reference")]
    notes: Mapping[str, str] = pod["metadata"].get("annotations") or {}
    images += [notes[_SIDECAR_IMAGE]] if _SIDECAR_IMAGE in notes else []
    if unlimited := [str(each.get("name")) for each in counted if not amounts(each, limits).keys() >= {*_NEEDED}]:
        yield f"without requests and limits of CPU and memory: {', '.join(unlimited)}"
    if untagged := [image for image in images if _UNTAGGED.fullmatch(image)]:
        yield f"images without a tag, or with latest: {', '.join(untagged)}"
    if rules.registries and (elsewhere := [image for image in images if not image.startswith(rules.registries)]):
        yield f"images from elsewhere than {', '.join(rules.registries)}: {', '.join(elsewhere)}"
    if rules.probes and spec(pod).get("restartPolicy", "Always") == "Always":
        unprobed = [str(each["name"]) for each in containers if not each.keys() & {"readinessProbe", "livenessProbe"}]
        if unprobed:
            yield f"without a readiness or liveness probe: {', '.join(unprobed)}"
