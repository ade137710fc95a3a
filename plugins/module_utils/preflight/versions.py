# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Versions that do not go together: Helm and the cluster, Dapr and what pods ask of it; pure. None of it is certain.

And where pods ask for it in a place that Dapr does not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..failure import Code
from ..helm.program import HelmVersion
from ..readiness.daprd import CONTAINER, ENABLED, enabled, image_version
from ..readiness.templates import Object, Template, built_in, items, mapping
from .problem import Problem

# Kubernetes' minor version that Helm 4.0 and 3.18 are built for, one more with each of Helm's; three older ones are
# supported. Source: https://helm.sh/docs/topics/version_skew/
_BUILT_FOR = {4: 34, 3: 15}
_OLDER, _NEWER = 3, 1  # one that is newer than Helm knows mostly works
_OLDEST_DAPR = (1, 14)  # tested with this collection
# Annotations by the first version of Dapr whose injector acts on them; an older one ignores them without a word.
# Source: pkg/injector/annotations of https://github.com/dapr/dapr
_SINCE = {"dapr.io/enable-native-sidecar": (1, 18)}


def helm_and_cluster(name: str, helm: HelmVersion, kubernetes: str) -> Iterator[Problem]:
    """``kubernetes``: as the API server names it; ``name``: whose deployment this is."""
    found = re.match(r"v?1\.(\d+)", kubernetes)
    newest = _BUILT_FOR.get(helm.major, 0) + helm.minor
    if not found or helm.major not in _BUILT_FOR or newest - _OLDER <= int(found[1]) <= newest + _NEWER:
        return
    other = "an older" if int(found[1]) < newest else "a newer"
    text = f"Helm {helm} is made for Kubernetes 1.{newest - _OLDER} to 1.{newest}, and this cluster has {kubernetes}"
    yield Problem(name, Code.HELM_MISSING, text, f"use {other} Helm if this one fails", certain=False)


def dapr_of_pods(release: str, template: Template, pod: Object) -> Iterator[Problem]:
    """``pod``: as the API server would create it, with the sidecar that Dapr's injector adds."""
    spec = mapping(pod.get("spec"))
    containers = [*items(spec.get("containers")), *items(spec.get("initContainers"))]
    version = next((image_version(str(c.get("image") or "")) for c in containers if c.get("name") == CONTAINER), "")
    found = re.match(r"(\d+)\.(\d+)", version)
    if not found:
        return
    has = int(found[1]), int(found[2])
    if has < _OLDEST_DAPR:
        text = f"pods of {template.owner} get a sidecar of Dapr {version}, which this collection is not tested with"
        yield Problem(release, Code.SIDECAR_VERSION, text, f"use Dapr {_label(_OLDEST_DAPR)} or newer", certain=False)
    for note, since in _SINCE.items():
        if note in template.annotations and has < since:
            text = f"pods of {template.owner} ask for {note}, which Dapr {version} ignores"
            remedy = f"use Dapr {_label(since)} or newer, or leave it out"
            yield Problem(release, Code.SIDECAR_VERSION, text, remedy, certain=False)


def misplaced(release: str, item: Object) -> Iterator[Problem]:
    """A workload that asks for a sidecar in its own annotations: Dapr's injector looks at those of its pods."""
    template = built_in(item)
    own = mapping(mapping(item.get("metadata")).get("annotations"))
    if template and item.get("kind") != "Pod" and enabled(own) and ENABLED not in template.annotations:
        text = f"{template.owner} has {ENABLED} on itself, where Dapr does not look: its pods get no sidecar"
        remedy = "move its annotations of dapr.io to those of its pod template"
        yield Problem(release, Code.SIDECAR_MISSING, text, remedy, certain=False)


def _label(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
