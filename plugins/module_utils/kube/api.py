# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What code may do with the Kubernetes API: read, or read and write. A signature says which.

:class:`~.session.KubeSession` satisfies both protocols. Whoever works under a lock gets a :class:`Guarded` one only:
its writes ask the lock by themselves.
"""

from __future__ import annotations

from typing import Any, Protocol

from .deadline import Deadline
from .resources import Resource

Object = dict[str, Any]


class Check(Protocol):
    """Asked before every write and while a program runs; raises TodoCloudError when it may not go on."""

    def __call__(self, sure: bool = True) -> None:
        """``sure`` False: only what is known already counts; nothing is asked."""


def may_go_on(sure: bool = True) -> None:
    """Nobody objects."""


class KubeReader(Protocol):
    """Reads objects. Arguments come in the order of a path: resource, namespace, name."""

    def get(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        subresource: str = "",
        metadata_only: bool = False,
        deadline: Deadline | None = None,
    ) -> Object:
        """One object. Raises NotFound."""

    def find(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        subresource: str = "",
        metadata_only: bool = False,
        deadline: Deadline | None = None,
    ) -> Object | None:
        """Like get, but None when there is no such object (or no such kind)."""

    def list_(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
        deadline: Deadline | None = None,
    ) -> tuple[list[Object], str]:
        """All objects and the resource version to watch from."""

    def resource(self, api_version: str, kind: str, *, deadline: Deadline | None = None) -> Resource:
        """Where a kind lives. Raises NotFound."""

    def server_now(self) -> float:
        """The server's clock, seconds since the epoch."""


class KubeApi(KubeReader, Protocol):
    """Reads and writes objects."""

    def create(
        self,
        resource: Resource,
        namespace: str,
        body: Object,
        *,
        dry_run: bool = False,
        deadline: Deadline | None = None,
    ) -> Object:
        """Creates an object. Raises AlreadyExists."""

    def replace(
        self,
        resource: Resource,
        namespace: str,
        body: Object,
        *,
        subresource: str = "",
        dry_run: bool = False,
        deadline: Deadline | None = None,
    ) -> Object:
        """Replaces an object; with a resourceVersion only if nobody wrote since (Conflict)."""

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Any,
        *,
        content_type: str = "application/merge-patch+json",
        field_manager: str = "",
        force: bool = False,
        subresource: str = "",
        dry_run: bool = False,
        deadline: Deadline | None = None,
    ) -> Object:
        """Patches an object."""

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        resource_version: str = "",
        propagation: str = "Background",
        dry_run: bool = False,
        deadline: Deadline | None = None,
    ) -> bool:
        """Deletes an object; False when there was none."""
