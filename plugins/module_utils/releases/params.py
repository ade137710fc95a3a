# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that the release modules share, and what they become. Modules are only passed through: nothing of Ansible is
imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

from ..failure import Code, error
from ..helm.cli import HelmCli
from ..kube.rollout import WaitOptions
from ..kube.session import KubeSession
from .adopt import Adoption
from .earlier import EarlierImage
from .engine import Engine
from .guards import Claims, guard
from .holder import Holder
from .models import OnFailure, Progress, ReleaseSpec, Settings, parse_waves
from .record import KEEP
from .report import Report
from .rollback import Rollback
from .single import SingleRelease, SingleReport
from .status import set_info
from .takeover import LockByHand, Wanted

HELM_SPEC: dict[str, Any] = {
    "helm_binary": {"type": "str", "default": "helm"},
    "history_max": {"type": "int", "default": 40},
    "timeout": {"type": "int", "default": 300},
    "lock_wait": {"type": "int", "default": 0},
    "run_url": {"type": "str"},
    "lock_ttl": {"type": "int", "default": 15},
}
LOCK_SPEC: dict[str, Any] = {"lock": {"type": "str", "choices": ["namespace", "platform"], "default": "namespace"}}
ENVIRONMENT_SPEC: dict[str, Any] = {
    "environment": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
}
REGISTRIES_SPEC: dict[str, Any] = {
    "registries": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "host": {"type": "str", "required": True},
            "endpoint": {"type": "str"},
            "pull_secret": {"type": "str", "no_log": False},
            "username": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "ca_path": {"type": "path"},
            "validate_certs": {"type": "bool", "default": True},
        },
    }
}
CLUSTER_SPEC: dict[str, Any] = {"cluster_id": {"type": "str"}}
DAPR_SPEC: dict[str, Any] = {"dapr_namespace": {"type": "str", "default": "dapr-system"}}


def settings_of(module: Any) -> Settings:
    """From a module's options; those that it does not have keep their defaults."""
    params: Mapping[str, Any] = module.params
    history_max = int(params["history_max"]) if params.get("history_max") is not None else 40
    if params.get("environment") and 0 < history_max < 2 * KEEP:
        raise error(
            Code.INVALID_INPUT,
            f"history_max is {history_max}, but {KEEP} release sets are kept and a rollback wants their revisions: "
            f"set it to {2 * KEEP} or more, or to 0 to keep all.",
            option="history_max",
        )
    return Settings(
        environment=params.get("environment") or "",
        namespace=params.get("namespace") or "",
        cluster_id=params.get("cluster_id") or "",
        on_failure=OnFailure(params.get("on_failure") or OnFailure.SET),
        remove_failed_installs=params.get("on_first_failure") == "remove",
        commit=params.get("commit") or "",
        timeout=int(params.get("timeout") or 300),
        lock_wait=int(params.get("lock_wait") or 0),
        run_url=params.get("run_url") or "",
        platform=params.get("lock") == "platform",
        lock_ttl=_ttl(params),
        history_max=history_max,
        dapr_namespace=params.get("dapr_namespace") or "dapr-system",
        prune=bool(params.get("prune")),
        known=tuple(params.get("known") or ()),
        wait=WaitOptions.from_params(params),
        check=bool(module.check_mode),
        diff=bool(module._diff),
        drift=params.get("drift") == "report",
        export=params.get("export") or "",
        tools={"ansible": str(module.ansible_version)},
        registries=tuple(params.get("registries") or ()),
    )


def _ttl(params: Mapping[str, Any]) -> int:
    ttl = int(params.get("lock_ttl") or 15)
    if ttl < 3:
        raise error(Code.INVALID_INPUT, f"lock_ttl {ttl} is too short to be renewed in time: 3 seconds at least.")
    return ttl


def helm_of(kube: KubeSession, params: Mapping[str, Any]) -> HelmCli:
    """Helm with the same credentials."""
    return HelmCli(kube.kubeconfig, params.get("helm_binary") or "helm")


def finish(module: Any, report: Report | SingleReport) -> NoReturn:
    """Ends a module well."""
    for warning in report.warnings:
        module.warn(warning)
    module.exit_json(**report.as_result())
    raise AssertionError("exit_json returned")


def apply_set(kube: KubeSession, params: Mapping[str, Any], settings: Settings, progress: Progress) -> Report:
    """release_apply in one call."""
    waves = parse_waves(params["waves"], settings.namespace)
    return Engine(kube, helm_of(kube, params), settings, waves, progress).apply()


def adopt_set(kube: KubeSession, params: Mapping[str, Any], settings: Settings, progress: Progress) -> Report:
    """release_adopt in one call."""
    waves = parse_waves(params["waves"], settings.namespace)
    return Adoption(kube, helm_of(kube, params), settings, waves, progress).run()


def roll_back(kube: KubeSession, params: Mapping[str, Any], settings: Settings, progress: Progress) -> Report:
    """release_rollback in one call."""
    if params["image"]:
        return EarlierImage(kube, helm_of(kube, params), settings, params["names"], params["image"], progress).run()
    return Rollback(kube, helm_of(kube, params), settings, params["to"], params["names"], progress).run()


def single_release(
    kube: KubeSession, params: Mapping[str, Any], settings: Settings, progress: Progress
) -> SingleReport:
    """helm_release in one call; with an environment nothing is written where it may not deploy."""
    leaving = params["state"] == "absent"
    warnings = []
    if settings.environment:
        claims = Claims(settings.environment, settings.namespace, settings.cluster_id)
        guarded = guard(kube, claims, may_be_absent=leaving or settings.check, leaving=leaving)
        warnings = guarded.warnings if guarded.there else []
    one = SingleRelease(
        kube,
        helm_of(kube, params),
        replace(settings, environment=""),  # the release belongs to none of its sets
        progress,
        force_conflicts=params["force_conflicts"],
        skip_crds=params["skip_crds"],
    )
    keys = ("name", "namespace", "chart", "chart_version", "values", "watches")
    spec = None if leaving else ReleaseSpec.parse({key: params[key] for key in keys})
    report = one.present(spec) if spec else one.absent(params["name"])
    report.warnings = [*warnings, *report.warnings]
    return report


def lock_by_hand(kube: KubeSession, params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """deploy_lock in one call; its result."""
    platform = params["lock"] == "platform"
    if not platform:
        guard(kube, Claims(params["environment"], params["namespace"]))
    me = Holder.me("deploy_lock", params["commit"] or "", url=params["run_url"] or "")
    done = LockByHand(kube, params["namespace"] or "", me, platform=platform).bring(
        Wanted(params["state"]), check=check
    )
    before, after = done.before.as_result(), done.after.as_result()
    return {"changed": done.changed, **after, "diff": {"before": before, "after": after}}


def describe_sets(kube: KubeSession, params: Mapping[str, Any]) -> dict[str, Any]:
    """release_set_info in one call."""
    return set_info(
        kube,
        params["namespace"],
        params["environment"],
        verified_only=params["verified_only"],
        at=params["at"] or "",
        status=params["status"],
        dapr_namespace=params["dapr_namespace"],
    )
