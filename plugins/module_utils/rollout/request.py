# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Targets of the module rollout_wait, from its options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..failure import Code, error
from ..helm.storage import HelmReader
from ..kube.api import KubeReader
from .targets import WORKLOADS, Target, targets_of_manifest


def requested(kube: KubeReader, params: Mapping[str, Any]) -> list[Target]:
    """All targets, in the order of the options. Raises ``invalid_input``, and ``not_found`` for an unknown release."""
    targets: list[Target] = []
    for release in params["releases"]:
        stored = HelmReader(kube, release["namespace"]).read(release["name"])
        targets += targets_of_manifest(stored.manifest, release["namespace"], release["name"])
    for workload in params["workloads"]:
        resource = WORKLOADS[workload["kind"]]
        targets.append(Target(resource.api_version, resource.kind, workload["namespace"], workload["name"]))
    for entry in params["resources"]:
        if entry["failed_when"] and not entry["ready_when"]:
            message = f"resources: {entry['kind']} {entry['name']} has failed_when but no ready_when."
            raise error(Code.INVALID_INPUT, message, option="resources")
        targets.append(
            Target(entry["api_version"], entry["kind"], entry["namespace"], entry["name"],
                   ready_when=entry["ready_when"], failed_when=entry["failed_when"])
        )  # fmt: skip
    if not (params["releases"] or params["workloads"] or params["resources"]):
        message = "There is nothing to wait for: give releases, workloads or resources."
        raise error(Code.INVALID_INPUT, message, option="releases")
    return targets
