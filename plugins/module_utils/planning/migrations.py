# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Migrations: commands that run once per version of a service, before or after the wave that deploys it.

A migration is a release of its own: a Job of the service's chart, with the service's image, variables and Secrets. Its
inputs are its image and command alone, so nothing else makes it run again.
"""

from __future__ import annotations

import copy
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..digest import input_digest
from ..failure import Code, TodoCloudError, error
from ..labels import MIGRATION, REVERSIBLE
from ..readiness.templates import mapping

Raw = Mapping[str, Any]  # a release as a role describes it

SUFFIX = "-migration"
_TIMEOUT_SECONDS = 600
_KEYS = {"command", "image", "when", "timeout", "reversible"}
_SPARE_SECONDS = 30  # beyond its timeout: Kubernetes stops one whose run was killed
# Values of charts/service that a Job of the same image needs too. No sidecar: with one a Job may never end.
_KEPT = (
    "environment", "partOf", "image", "imagePullPolicy", "imagePullSecrets", "security", "writable", "volumes",
    "podLabels", "env", "secretEnv", "configEnv", "envFrom", "resources", "nodeSelector", "tolerations", "affinity",
    "priorityClassName", "serviceAccount", "preStopSleepSeconds", "terminationGracePeriodSeconds",
)  # fmt: skip
_OF_WHAT_STAYS = ("todo.cloud/", "prometheus.io/")  # annotations
_REACHED = ("enabled", "egressCIDRs", "internet")  # of networkPolicy, besides access


@dataclass(frozen=True)
class Migration:
    """What a release runs, and for which release. ``timeout``: seconds."""

    of: str
    command: tuple[str, ...]
    before: bool = True
    timeout: int = _TIMEOUT_SECONDS
    reversible: bool = True

    @classmethod
    def parse(cls, raw: Any, of: str) -> Migration:
        """From the key ``migrations`` of a release. Raises invalid_input."""
        if not isinstance(raw, Mapping) or set(raw) - _KEYS:
            raise _invalid(of, f"migrations is a dictionary of {', '.join(sorted(_KEYS))}")
        command, when, timeout = raw.get("command"), raw.get("when", "before"), raw.get("timeout", _TIMEOUT_SECONDS)
        if not isinstance(command, Sequence) or isinstance(command, str) or not command:
            raise _invalid(of, "migrations.command is a list of words")
        if when not in ("before", "after"):
            raise _invalid(of, f"migrations.when is before or after, not {when!r}")
        if not isinstance(timeout, int) or timeout < 1:
            raise _invalid(of, f"migrations.timeout is a number of seconds, not {timeout!r}")
        reversible = raw.get("reversible", True)
        return cls(of, tuple(map(str, command)), when == "before", timeout, bool(reversible))

    @property
    def labels(self) -> dict[str, str]:
        """Labels of its revisions in Helm."""
        return {MIGRATION: self.of, REVERSIBLE: str(self.reversible).lower()}

    def describe(self) -> str:
        """What it does, for people."""
        when = "before" if self.before else "after"
        floor = "" if self.reversible else f"; no rollback of {self.of} to versions before it"
        return f"runs {shlex.join(self.command)!r} once, {when} {self.of}{floor}"

    def inputs(self, values: Mapping[str, Any], key: bytes) -> str:
        """Digest of what makes it run: the image, by digest where it has one, and the command."""
        image = str(values.get("image", ""))
        return input_digest("migration", {"image": image.partition("@")[2] or image, "command": self.command}, key=key)


def expanded(waves: Sequence[Sequence[Raw]]) -> Iterator[list[tuple[Raw, Migration | None]]]:
    """The waves with those of their migrations before and after them. Raises invalid_input."""
    for number, wave in enumerate(waves, 1):
        for raw in wave:
            if not isinstance(raw, Mapping):
                raise _invalid(f"wave {number}", "a release is a dictionary with a name, a chart and values")
        found = [_of(raw) for raw in wave if raw.get("migrations")]
        if before := [(raw, migration) for raw, migration in found if migration.before]:
            yield list(before)
        yield [({key: value for key, value in raw.items() if key != "migrations"}, None) for raw in wave]
        if after := [(raw, migration) for raw, migration in found if not migration.before]:
            yield list(after)


def job_values(values: Mapping[str, Any], command: Sequence[str], timeout: int) -> dict[str, Any]:
    """Values of charts/service for a Job that runs a command with what a service has.

    :param timeout: seconds after which Kubernetes stops it
    """
    policy = mapping(values.get("networkPolicy"))
    access = [name for name in policy.get("access") or () if name != "public"]
    annotations = mapping(values.get("podAnnotations"))
    annotations = {
        key: text for key, text in annotations.items() if not any(mark in str(key) for mark in _OF_WHAT_STAYS)
    }
    return copy.deepcopy({
        **{key: values[key] for key in _KEPT if key in values},
        **({"podAnnotations": annotations} if annotations else {}),
        "kind": "Job",
        "command": list(command),
        "job": {"backoffLimit": 0, "activeDeadlineSeconds": timeout},
        "networkPolicy": {**{key: policy[key] for key in _REACHED if key in policy}, "access": access},
    })  # fmt: skip


def _of(raw: Mapping[str, Any]) -> tuple[Mapping[str, Any], Migration]:
    """The release of a service's migration."""
    migration = Migration.parse(raw["migrations"], str(raw.get("name")))
    given = raw.get("values")
    values = dict(given) if isinstance(given, Mapping) else {}
    values["image"] = raw["migrations"].get("image") or values.get("image")
    if not isinstance(values["image"], str):
        raise _invalid(migration.of, "migrations need a release of the chart `service`, whose values say an image")
    return {
        "name": migration.of + SUFFIX,
        "namespace": raw.get("namespace"),
        "chart": raw.get("chart"),
        "values": job_values(values, migration.command, migration.timeout + _SPARE_SECONDS),
    }, migration


def _invalid(release: str, message: str) -> TodoCloudError:
    return error(Code.INVALID_INPUT, f"{release}: {message}.", release=release)
