# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which Dapr components an app's sidecars have loaded, read from daprd, and which ones they should have.

daprd serves its metadata on its public port (``--dapr-public-port``, 3501 by default), which the API server's pod proxy
reaches; its other port listens only on the pod's loopback interface. A sidecar loads components only at its start
(unless Dapr 1.18's hot reload is on, which charts/dapr-components disables), and skips a failed one with
``ignoreErrors: true`` without becoming unready. No status shows either.
Source of the document's shape: https://docs.dapr.io/reference/api/metadata_api/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..failure import one_or_many
from ..kube.api import KubeObserver
from ..kube.errors import Forbidden, KubeError, NotFound
from ..kube.resources import Resource
from ..parsing import read_json
from ..readiness.daprd import sidecar_of

COMPONENT = Resource("dapr.io/v1alpha1", "Component", "components")
_PUBLIC_PORT, _PORT_FLAG = 3501, "--dapr-public-port"
_PATH = "/v1.0/metadata"


@dataclass(frozen=True)
class AppComponents:
    """``loaded``: by every sidecar that answered, None when none did; ``missing``: name -> pods that lack it.

    ``tolerated``: missing ones with ``ignoreErrors: true``. ``why``: what could not be read.
    """

    loaded: tuple[str, ...] | None = None
    missing: Mapping[str, tuple[str, ...]] | None = None
    tolerated: frozenset[str] = frozenset()
    why: str = ""

    def as_result(self) -> dict[str, Any]:
        """Plain JSON: keys of an app's entry."""
        return {
            "components": None if self.loaded is None else list(self.loaded),
            "components_missing": sorted(self.missing or {}),
            "components_why": self.why,
        }


def namespace_components(kube: KubeObserver, namespace: str) -> tuple[list[dict[str, Any]] | None, str]:
    """All components of a namespace, or None and why they cannot be read."""
    try:
        return kube.list_(COMPONENT, namespace)[0], ""
    except NotFound:
        return [], ""
    except Forbidden as exc:
        return None, str(exc)


def components_of(
    kube: KubeObserver, app_id: str, pods: Sequence[Mapping[str, Any]], given: tuple[list[dict[str, Any]] | None, str]
) -> AppComponents:
    """Components that the sidecars of an app's pods have loaded, compared with those that the namespace has for it."""
    answers: dict[str, set[str]] = {}
    why = [given[1]] if given[1] else []
    for pod in pods:
        try:
            answers[pod["metadata"]["name"]] = _loaded(kube, pod)
        except KubeError as exc:
            why.append(str(exc))
        except ValueError as exc:
            why.append(f"pod {pod['metadata']['name']}: its sidecar's metadata cannot be read: {exc}")
    if not answers:
        return AppComponents(why="; ".join(dict.fromkeys(why)) or "no sidecar is ready")
    scoped = [item for item in given[0] or () if not item.get("scopes") or app_id in item["scopes"]]
    missing = {item["metadata"]["name"]: _without(answers, item["metadata"]["name"]) for item in scoped}
    tolerated = frozenset(item["metadata"]["name"] for item in scoped if _ignores_errors(item))
    everywhere = set.intersection(*answers.values())
    lacking = {name: pods for name, pods in missing.items() if pods}
    return AppComponents(tuple(sorted(everywhere)), lacking, tolerated, "; ".join(dict.fromkeys(why)))


def not_loaded(app_id: str, found: AppComponents) -> list[tuple[str, str]]:
    """(component, message) for each one that an app lacks."""
    numbers = "the sidecar of pod {} has", "the sidecars of pods {} have"
    return [
        (name, f"{app_id}: {one_or_many(pods, *numbers)} not loaded component {name}: restart the app")
        for name, pods in sorted((found.missing or {}).items())
        if name not in found.tolerated
    ]


def _loaded(kube: KubeObserver, pod: Mapping[str, Any]) -> set[str]:
    meta = pod["metadata"]
    status, body = kube.proxy_get(meta["namespace"], meta["name"], _port(pod), _PATH)
    if status != 200:
        raise ValueError(f"HTTP {status}")
    document = read_json(body)
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    return {str(entry.get("name")) for entry in document.get("components") or () if isinstance(entry, dict)}


def _port(pod: Mapping[str, Any]) -> int:
    """daprd's public port, from its command line."""
    side = sidecar_of(pod)
    words = [str(word) for key in ("command", "args") for word in (side[1].get(key) or () if side else ())]
    for flag, value in pairwise(words):
        if flag == _PORT_FLAG and value.isdigit():
            return int(value)
    return _PUBLIC_PORT


def _without(answers: Mapping[str, Iterable[str]], name: str) -> tuple[str, ...]:
    return tuple(sorted(pod for pod, names in answers.items() if name not in names))


def _ignores_errors(component: Mapping[str, Any]) -> bool:
    return bool((component.get("spec") or {}).get("ignoreErrors"))
