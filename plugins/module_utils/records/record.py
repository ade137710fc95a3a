# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Release sets: verified states, recorded in the environment itself as immutable ConfigMaps ``release-set-N``.

A record holds everything that a rollback to it needs, including charts and values, so it does not depend on Helm's
history. Its digest detects damage; against someone who may write ConfigMaps only a signature protects (signing.py).
What changes later (withdrawn) is in annotations, which an immutable ConfigMap still allows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..digest import wanted_key
from ..helm.manifest import SecretRef
from ..helm.names import check_chart, check_name
from ..helm.stored import Revision
from ..labels import VERIFICATION_FAILED
from ..parsing import Malformed, quoted
from ..rollout.targets import Target
from .secret_values import (
    Path,
)

RECORD_LABEL = "todo.cloud/release-set"
COMMIT, TIME = "todo.cloud/commit", "todo.cloud/verified-at"
WITHDRAWN = "todo.cloud/withdrawn"
PREFIX = "release-set-"
_LONGEST = 500  # characters of an annotation that are read: anybody may write 256 KiB into one
NAME = re.compile(rf"{PREFIX}([1-9][0-9]{{0,8}})")


@dataclass(frozen=True)
class Member:
    """One verified release. ``images``: workload/container -> image and the digest that pods ran."""

    name: str
    revision: int
    uid: str  # of Helm's Secret: it tells revision 3 from revision 3 after a removal and a new installation
    chart: str  # name of a local chart, else the reference
    chart_version: str
    chart_digest: str
    local: bool  # the chart is a folder or an archive, so only the record can restore it
    inputs: str
    watched: str  # label value
    values: Mapping[str, Any]
    watches: tuple[tuple[str, str], ...] = ()
    app_id: str = ""
    wave: int = 0
    components: bool = False
    manifest: str = ""  # digest
    targets: tuple[Target, ...] = ()
    secrets: tuple[SecretRef, ...] = ()
    images: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rollback_floor: str = ""
    input_key: str = ""  # of the key by which ``inputs`` was made; see input_key.py
    secret_values: tuple[Path, ...] | None = None  # paths in ``values``; None: not examined
    incomplete: bool = False  # the secret values could not be read; never stored
    migration: str = ""  # the release that it is a migration of: no rollback takes it back, or runs it again
    live: Mapping[str, str] = field(default_factory=dict)  # of its objects when it was verified, see planning/live.py
    tag: str = ""  # that its image was asked for by; empty where it is the one in ``values``

    @property
    def wanted(self) -> str:
        """See digest.wanted_key."""
        return wanted_key(self.inputs, self.watched)

    def is_at(self, revision: Revision) -> bool:
        """Whether ``revision`` is the verified one."""
        return (self.revision, self.uid) == (revision.revision, revision.uid)

    def check(self, name: str) -> None:
        """Checks that it can be the member ``name`` and that nothing in it could be an option of Helm. Raises
        Malformed, or invalid_input.
        """
        check_name(self.name)
        check_chart(self.chart, self.chart_version)
        if self.name != name:
            raise Malformed(f"{quoted(name)} is called {quoted(self.name)}")
        if self.revision < 1:
            raise Malformed(f"{name} has revision {self.revision}")
        if any(not {"image", "digest"} <= each.keys() for each in self.images.values()):
            raise Malformed(f"{name} has an image without its name or digest")


@dataclass(frozen=True)
class Record:
    """A verified set. ``missing``: members that were not verified with it, and why. ``charts``: digest -> archive."""

    id: int
    environment: str
    time: str
    who: str
    commit: str
    tools: Mapping[str, str]
    members: Mapping[str, Member]
    missing: Mapping[str, str] = field(default_factory=dict)
    restored_from: int = 0
    charts: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    secret_digest: str = ""  # of the Secret beside it, see secret_values.py; empty without one
    emergency: str = ""  # why the rules of changes did not hold for it
    signed: bool = False  # by one of the keys that are accepted; never stored


@dataclass(frozen=True)
class Header:
    """A record's metadata, without its content."""

    id: int
    time: str
    commit: str
    withdrawn: str = ""  # the reason, empty when it is not withdrawn
    failed: str = ""  # when and how it failed when it was verified again; empty since it was verified the last time


def headers_of(metadata: Iterable[Mapping[str, Any]], environment: str) -> list[Header]:
    """The records among a namespace's ConfigMaps, newest first."""
    found = []
    for each in metadata:
        number = NAME.fullmatch(str(each.get("name", "")))
        if number and texts(each.get("labels")).get(RECORD_LABEL) == environment:
            notes = texts(each.get("annotations"))
            kept = [notes.get(key, "")[:_LONGEST] for key in (TIME, COMMIT, WITHDRAWN, VERIFICATION_FAILED)]
            found.append(Header(int(number[1]), *kept))
    return sorted(found, key=lambda h: h.id, reverse=True)


def texts(raw: object) -> dict[str, str]:
    """Labels, annotations or data as the API server holds them; empty when they are no such thing."""
    return {k: v for k, v in raw.items() if isinstance(k, str) and isinstance(v, str)} if isinstance(raw, dict) else {}
