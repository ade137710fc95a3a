# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a release module's options become, and how it ends. Modules are only passed through: nothing of Ansible is
imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, Protocol

from ..failure import Code, error
from ..helm.cli import HelmCli
from ..kube.session import KubeSession
from ..kube.verdict import WaitOptions
from .models import OnFailure, Settings
from .record import KEEP


class _Report(Protocol):
    """What a run found and did."""

    warnings: list[str]

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""


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


def finish(module: Any, report: _Report) -> NoReturn:
    """Ends a module well."""
    for warning in report.warnings:
        module.warn(warning)
    module.exit_json(**report.as_result())
    raise AssertionError("exit_json returned")
