# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verifies that releases are what was described and serve: their workloads, their sidecars, and a public endpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..availability import Endpoint, problem_of
from ..dapr.check import NONE_ASKED
from ..dapr.repair import check_sidecars
from ..deploy.run import Run
from ..deploy.verification import sidecar_objects
from ..environments.certificates import TRIES_AGAIN, unissued
from ..failure import Code, TodoCloudError, error
from ..kube.deadline import Deadline
from ..labels import ASLEEP
from ..planning.snapshot import targets_of
from ..records.record import Header
from ..rollout.waiter import RolloutWaiter
from .differences import note_differences
from .set_verdict import note_verdict

_PARALLEL = 8
_ATTEMPTS = 11  # an ingress may need a moment after the pods are ready
_INTERVAL_SECONDS = 2.0


def verify_releases(
    run: Run,
    app_ids: Mapping[str, str],
    endpoint: Endpoint | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """``app_ids``: release -> Dapr app id, empty for one without. Writes nothing.

    Services that sleep have no sidecars, and the endpoint is not asked while one does.
    Raises the first failure: of the workloads, of the sidecars, or endpoint_down.
    """
    settings = run.settings
    with ThreadPoolExecutor(_PARALLEL) as pool:
        stored = list(pool.map(run.storage.read, app_ids))
    targets = [target for release in stored for target in targets_of(release)]
    verdict = RolloutWaiter(run.kube, settings.wait, run.progress).wait(targets, Deadline.after(settings.timeout))
    verdict.raise_if_failed()
    result = verdict.as_result()
    releases = dict(zip(app_ids, stored, strict=True))
    asleep = sorted(
        name for name, release in releases.items() if ASLEEP in (release.config.get("podAnnotations") or {})
    )
    rendered = sidecar_objects({n: each for n, each in releases.items() if n not in asleep}, settings.namespace)
    wanted = [app_id for name, app_id in app_ids.items() if app_id and name not in asleep]
    result["asleep"], result["sidecars"] = asleep, NONE_ASKED
    if rendered or wanted:
        found = check_sidecars(
            run.kube, settings.namespace, settings.dapr_namespace, wanted, repair=False, check_mode=False,
            options=settings.wait, progress=run.progress, releases=rendered,
        )  # fmt: skip
        result["apps"], result["sidecars"] = found["apps"], found["summary"]
        result["notes"] = [*result["notes"], *found["notes"]]
    if endpoint and not asleep:
        _answers(run, endpoint, pause)
    return result


def verify_set(
    run: Run, app_ids: Mapping[str, str], endpoint: Endpoint | None = None, headers: Sequence[Header] | None = None
) -> dict[str, Any]:
    """The same, and the verdict is noted at the release set that runs; ``headers``: see note_verdict."""
    began = time.monotonic()
    try:
        result = verify_releases(run, app_ids, endpoint)
    except TodoCloudError as exc:
        warning = note_verdict(run, app_ids, exc.failure, seconds=time.monotonic() - began)
        exc.warnings = (*exc.warnings, *filter(None, [warning]))
        raise
    warning = note_verdict(run, app_ids, None, headers, time.monotonic() - began)
    result["notes"] = [*result["notes"], *filter(None, [warning])]
    return result


def verify_environment(run: Run, app_ids: Mapping[str, str], endpoint: Endpoint | None = None) -> dict[str, Any]:
    """The same, and in what the environment differs from that set."""
    result = verify_set(run, app_ids, endpoint)
    note_differences(run, result)
    return result


def _answers(run: Run, endpoint: Endpoint, pause: Callable[[float], None]) -> None:
    attempts, limit = 0, Deadline.after(run.settings.timeout)
    while problem := problem_of(endpoint):
        attempts += 1
        if attempts >= _ATTEMPTS:
            waiting = unissued(run.kube, run.settings.namespace) if endpoint.url.startswith("https:") else []
            # The first certificate of a host takes a while; one whose issuing failed is not asked for again soon.
            if not waiting or limit.expired or any(TRIES_AGAIN in text for text in waiting):
                text = " ".join([f"{endpoint.url} does not answer: {problem}.", *waiting])
                raise error(Code.ENDPOINT_DOWN, text, url=endpoint.url, reason=problem)
        pause(_INTERVAL_SECONDS)
