# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Helm program as the rest of the collection sees it: what it is asked for, and what it answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..failure import Code, error
from ..kube.api import Check


@dataclass(frozen=True, order=True)
class HelmVersion:
    """Version of the Helm program."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> HelmVersion:
        """From ``v4.3.1`` or ``v3.22.0+g1234``; raises helm_missing for another text or an unsupported version."""
        found = re.search(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text)
        if not found:
            raise error(Code.HELM_MISSING, f"The Helm program printed {text.strip()[:60]!r} instead of its version.")
        version = cls(int(found[1]), int(found[2]), int(found[3] or 0))
        if not ((3, 18) <= (version.major, version.minor) < (4, 0) or (version.major, version.minor) >= (4, 1)):
            raise error(
                Code.HELM_MISSING,
                f"Helm {version} is not supported: install Helm 4.1 or newer (or 3.18 or newer of Helm 3).",
            )
        return version

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True)
class ApplyRequest:
    """One ``helm upgrade --install``. ``chart`` is a folder, an archive or a reference; ``timeout`` is in seconds.

    ``take_ownership``: objects that are there already, and nobody's, become the release's.
    """

    name: str
    namespace: str
    chart: str
    values: Mapping[str, Any]
    chart_version: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    timeout: int = 300
    history_max: int = 40
    force_conflicts: bool = False
    skip_crds: bool = False
    take_ownership: bool = False
    description: str = ""


@dataclass(frozen=True)
class Rendered:
    """What a chart renders to. Secrets are in it in plain text. ``hooks``: manifests beside the release; ``skipped``:
    what objects that Helm left out say in helm.sh/hook, as far as the server was asked.
    """

    manifest: str
    hooks: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


class Helm(Protocol):
    """What Helm is asked for."""

    @property
    def version(self) -> HelmVersion:
        """Asked once."""

    @property
    def calls(self) -> int:
        """Calls so far that asked the cluster: neither those for the version nor of ``template``."""

    def guarded(self, check: Check) -> Helm:
        """The same Helm for work under a lock: ``check`` is called before each write, and while Helm runs."""

    def apply(self, request: ApplyRequest) -> None:
        """Installs or upgrades a release. Raises HelmError."""

    def render(self, request: ApplyRequest) -> Rendered:
        """What ``apply`` would store, asked from the server by a dry run; Secrets are in it in clear."""

    def template(self, request: ApplyRequest, *, kubernetes: str = "") -> str:
        """What the chart renders for a first installation, hooks included, without asking a server; once, without
        retry. ``kubernetes``: the version to render for; then the values must fit the chart's schema too.
        """

    def crds(self, request: ApplyRequest) -> str:
        """What the folders ``crds`` of the chart and its subcharts hold: Helm creates it with a first installation, of
        whatever kind it is, and neither renders nor stores it.
        """

    def rollback(self, name: str, namespace: str, revision: int, *, timeout: int = ..., history_max: int = ...) -> None:
        """Makes a stored revision the newest again. There is no 'the one before': ``revision`` is a number above 0."""

    def uninstall(self, name: str, namespace: str, *, timeout: int = ...) -> None:
        """Removes a release and its history, if it exists."""
