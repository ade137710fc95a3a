# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The whole sidecar check: check, repair once if requested, check again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..failure import Code, Failure, TodoCloudError
from ..kube.api import KubeClient
from ..kube.deadline import Deadline
from ..rollout.waiter import RolloutWaiter, Target, Verdict, WaitOptions
from .check import SidecarCheck, SidecarReport
from .restart import Restart

Look = Callable[[], SidecarReport]


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
    releases: Mapping[tuple[str, str], str] | None = None,
) -> dict[str, Any]:
    """Result of dapr_sidecar_check; raises the first problem (sidecar_missing, sidecar_not_ready, sidecar_version,
    component_not_loaded). ``releases``: see SidecarCheck.look."""
    check = SidecarCheck(kube, namespace, dapr_namespace)

    def look() -> SidecarReport:
        return check.look(app_ids, releases=releases, thorough=True)

    report = look()
    if repair and report.lacking and check_mode:
        return {"changed": True, **report.as_result()}
    if repair and report.lacking:
        report, verdict = repaired(kube, check, report, look, options, progress, _targets(report, namespace))
        if verdict:
            verdict.raise_if_failed()
    result = {"changed": bool(report.restarted), **report.as_result()}
    if report.failures:
        raise TodoCloudError(report.failures[0], {**result, "failures": [f.as_result() for f in report.failures]})
    return result


def repaired(
    kube: KubeClient,
    check: SidecarCheck,
    report: SidecarReport,
    look: Look,
    options: WaitOptions,
    progress: Callable[[str], None],
    targets: Sequence[Target],
    deadline: Deadline | None = None,
) -> tuple[SidecarReport, Verdict | None]:
    """Restarts what lacks its sidecar, and waits for ``targets``. The verdict is None when nothing was restarted.

    Raises injector_down, with nothing touched, when new pods would not get one either.
    """
    until = deadline or Deadline.after(options.timeout)
    done = Restart(kube, check.namespace, progress, until).run(check, report)
    if not done.pods:
        return replace(report, failures=_with_reasons(report.failures, done.kept)), None
    verdict = RolloutWaiter(kube, options, progress).wait(targets, deadline)
    if verdict.ok:
        report = look()
    return replace(report, restarted=tuple(done.pods), failures=_with_reasons(report.failures, done.kept)), verdict


def _with_reasons(failures: Sequence[Failure], kept: Mapping[str, str]) -> tuple[Failure, ...]:
    """Missing sidecars, with the reasons why pods were not restarted."""
    found = []
    for failure in failures:
        reasons = {kept[pod] for pod in failure.details.get("pods") or () if pod in kept}
        if failure.code is Code.SIDECAR_MISSING and reasons:
            text = f"{failure.message.rstrip('.')}; not restarted: {'; '.join(sorted(reasons))}."
            failure = Failure(failure.code, text, failure.details)
        found.append(failure)
    return tuple(found)


def _targets(report: SidecarReport, namespace: str) -> list[Target]:
    judged = zip(report.apps, report.owners, strict=True)
    lacking = [app.workload.partition("/") for app, owner in judged if app.lacking and owner.restarts]
    return [Target("apps/v1", kind, namespace, name) for kind, _slash, name in lacking]
