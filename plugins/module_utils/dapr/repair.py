# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The whole sidecar check: check, repair once if requested, check again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..failure import TodoCloudError
from ..kube.api import KubeClient
from ..rollout.waiter import RolloutWaiter, Target, WaitOptions
from .check import SidecarCheck, SidecarReport


def check_sidecars(
    kube: KubeClient,
    namespace: str,
    dapr_namespace: str,
    app_ids: Sequence[str],
    *,
    repair: bool,
    check_mode: bool,
    options: WaitOptions,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Result of dapr_sidecar_check; raises the first problem (sidecar_missing, sidecar_not_ready, sidecar_version,
    component_not_loaded)."""
    check = SidecarCheck(kube, namespace, dapr_namespace)
    report = check.look(app_ids, thorough=True)
    changed = bool(repair and report.lacking)
    if changed and check_mode:
        return {"changed": True, **report.as_result()}
    if changed:
        progress(f"restarting {', '.join(report.lacking)}: the Dapr sidecar is missing")
        targets, restarted = _targets(report, namespace), tuple(check.restart_lacking(report))
        RolloutWaiter(kube, options, progress).wait(targets).raise_if_failed()
        report = replace(check.look(app_ids, thorough=True), restarted=restarted)
    result = {"changed": changed, **report.as_result()}
    if report.failures:
        raise TodoCloudError(report.failures[0], {**result, "failures": [f.as_result() for f in report.failures]})
    return result


def _targets(report: SidecarReport, namespace: str) -> list[Target]:
    lacking = [app.workload.partition("/") for app in report.apps if app.lacking]
    return [Target("apps/v1", kind, namespace, name) for kind, slash, name in lacking if slash]
