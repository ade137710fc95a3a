# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What follows from the description of an environment, rendered without a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePath
from typing import Any

from ..environments.table import Connection, allowed
from ..failure import Code, error
from ..helm.errors import HelmError
from ..helm.manifest import objects_of
from ..helm.program import ApplyRequest, Helm
from ..planning.spec import ReleaseSpec, parse_waves
from .demand import demand
from .explained import Shown, explained, internet_of

_SIDE_BY_SIDE = 8


def service_info(
    helm: Helm,
    waves: Sequence[Sequence[Mapping[str, Any]]],
    environment: Mapping[str, Any],
    service: str = "",
    sources: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """The table of allowed connections, and with a service the lines that explain it.

    :param waves: the described releases
    :param environment: the release of the namespace's own objects, or nothing
    :raises TodoCloudError: no such service, or Helm cannot render one that is asked for
    """
    namespace = next((str(each.get("namespace")) for wave in waves for each in wave), "")
    parsed = parse_waves(waves, namespace)
    specs = {each.name: each for wave in parsed for each in wave}
    if service and service not in specs:
        raise error(
            Code.INVALID_INPUT, f"There is no service {service!r}; choose from {', '.join(specs)}.", service=service
        )
    rendered, notes = _rendered(
        helm, [*specs.values(), *([ReleaseSpec.parse(environment)] if environment else [])], service
    )
    around = [item for objects in rendered.values() for item in objects]
    connections = allowed(around, namespace)
    lines = []
    if service:
        watches = [str(each) for each in specs[service].watches]
        order = [[each.name for each in wave] for wave in parsed]
        chart = PurePath(specs[service].chart).name
        shown = Shown(service, chart, order, rendered[service], around, connections, watches, sources)
        lines = explained(shown)
    return {
        "lines": [*lines, *notes],
        "table": _table(connections),
        "connections": [{"source": each.source, "target": each.target, "ports": each.ports} for each in connections],
        "internet": internet_of(connections),
        "needs": demand([{each.name: rendered[each.name] for each in wave} for wave in parsed]),
    }


def _rendered(
    helm: Helm, specs: Sequence[ReleaseSpec], needed: str
) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """The objects of each release, and what is missing: a chart may only be in its registry."""

    def one(spec: ReleaseSpec) -> list[dict[str, Any]] | HelmError:
        request = ApplyRequest(spec.name, spec.namespace, spec.chart, spec.values, spec.chart_version)
        try:
            return objects_of(helm.template(request))
        except HelmError as exc:
            if spec.name == needed:
                raise
            return exc

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        found = dict(zip((spec.name for spec in specs), pool.map(one, specs), strict=True))
    notes = [
        f"{name} is not in the table, since its chart cannot be rendered: {made.failure.message}"
        for name, made in found.items()
        if isinstance(made, HelmError)
    ]
    return {name: [] if isinstance(made, HelmError) else made for name, made in found.items()}, notes


def _table(connections: Sequence[Connection]) -> list[str]:
    rows = [(each.source, each.target, each.ports) for each in connections]
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(2)]
    return [f"{source:<{widths[0]}} -> {target:<{widths[1]}} : {ports}" for source, target, ports in rows]
