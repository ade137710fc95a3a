# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of a run, from a module's options. Independent of Ansible."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .availability import Endpoint
from .change_rules import ChangeRules
from .failure import Code, error
from .records.announcement import Announce
from .records.signing import RecordKeys
from .records.store import KEEP
from .rollout.verdict import WaitOptions

Progress = Callable[[str], None]


class OnFailure(StrEnum):
    """What happens to the environment when a wave fails."""

    SET = "set"
    RELEASE = "release"
    HOLD = "hold"


class OnDrift(StrEnum):
    """What happens when somebody changed the objects of a verified release."""

    IGNORE = "ignore"
    REPORT = "report"
    RESTORE = "restore"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Settings:
    """Settings of a run. Times in seconds."""

    environment: str
    namespace: str
    cluster_id: str = ""  # expected uid of the namespace kube-system
    on_failure: OnFailure = OnFailure.SET
    remove_failed_installs: bool = False  # if they were never verified
    commit: str = ""
    timeout: int = 300
    lock_wait: int = 0
    run_url: str = ""
    platform: bool = False  # use the platform's lock, not the namespace's
    lock_ttl: int = 15
    history_max: int = 40
    dapr_namespace: str = "dapr-system"
    dapr_refuse_below_days: int = 0  # that Dapr's certificates are valid for
    prune: bool = False
    all_releases: tuple[str, ...] = ()
    wait: WaitOptions = field(default_factory=WaitOptions)
    check: bool = False
    diff: bool = False
    drift: OnDrift = OnDrift.IGNORE
    export: str = ""  # folder on this machine
    tools: Mapping[str, str] = field(default_factory=dict)  # versions of the callers' tools, for the record
    registries: Sequence[Mapping[str, Any]] = field(default=(), repr=False)  # see release_apply; may hold passwords
    endpoint: Endpoint | None = None  # the environment's public one
    probe: bool = False  # request it while deploying
    verify: bool = False  # everything once more at the end
    verify_job: Mapping[str, Any] | None = None  # see deploy/verify_job.py
    bake: Mapping[str, Any] | None = None  # see deploy/bake.py
    announce: Announce = field(default_factory=Announce)  # who is told of the run
    preflight_all: bool = False  # what is unchanged as well
    prepared_secrets: tuple[str, ...] = ()  # written by the caller before the deployment
    allowed_namespaces: tuple[str, ...] = ()  # besides ``namespace``, for objects of releases
    record_keys: RecordKeys = field(default_factory=RecordKeys)
    change_rules: ChangeRules = field(default_factory=ChangeRules)
    allowed_chart_sources: tuple[str, ...] = ()  # beginnings of references that an unsigned release set may name


def settings_from(module: Any, *, signs: bool = True) -> Settings:
    """From a module's options; missing ones keep their defaults. ``signs``: it may write release sets, so it needs the
    key where they are signed.
    """
    params: Mapping[str, Any] = module.params
    history_max = int(params["history_max"]) if params.get("history_max") is not None else 40
    if params.get("environment") and 0 < history_max < 2 * KEEP:
        raise error(
            Code.INVALID_INPUT,
            f"history_max is {history_max}, but {KEEP} release sets are kept and a rollback needs their revisions: "
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
        dapr_refuse_below_days=int(params.get("dapr_refuse_below_days") or 0),
        prune=bool(params.get("prune")),
        all_releases=tuple(params.get("all_releases") or ()),
        wait=WaitOptions.from_params(params),
        check=bool(module.check_mode),
        diff=bool(module._diff),
        drift=OnDrift(params.get("drift") or OnDrift.IGNORE),
        export=params.get("export") or "",
        tools={
            "ansible": str(module.ansible_version),
            **({"origin": str(params["origin"])} if params.get("origin") else {}),
        },
        registries=tuple(params.get("registries") or ()),
        endpoint=Endpoint.of(params["endpoint"]) if params.get("endpoint") else None,
        probe=bool(params.get("probe")),
        verify=bool(params.get("verify")),
        verify_job=params.get("verify_job"),
        bake=params.get("bake"),
        announce=Announce.parse(params.get("announce")),
        preflight_all=params.get("preflight") == "all",
        prepared_secrets=tuple(params.get("prepared_secrets") or ()),
        allowed_namespaces=tuple(params.get("allowed_namespaces") or ()),
        record_keys=_record_keys(params, signs),
        change_rules=ChangeRules.parse(params.get("change_rules")),
        allowed_chart_sources=tuple(params.get("allowed_chart_sources") or ()),
    )


def _record_keys(params: Mapping[str, Any], signs: bool) -> RecordKeys:
    keys = RecordKeys.parse(params.get("record_key"), params.get("record_public_keys") or ())
    if keys.required and signs:
        keys.sign(b"")  # a run records what it verified: better refused now than at its end
    return keys


def _ttl(params: Mapping[str, Any]) -> int:
    ttl = int(params.get("lock_ttl") or 15)
    if ttl < 3:
        raise error(Code.INVALID_INPUT, f"lock_ttl {ttl} is too short to be renewed in time: 3 seconds at least.")
    return ttl
