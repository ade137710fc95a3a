# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Access to the Kubernetes API as protocols: read, observe, write, or all of it. A signature says which one it needs.

:class:`~.session.KubeSession` satisfies all protocols. Whoever works under a lock gets a :class:`Guarded` one only:
its writes ask the lock by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .deadline import Deadline
from .resources import Resource
from .stream import Stream
from .transport import ApiCounts

Object = dict[str, Any]

# Content types of a patch.
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


class Check(Protocol):
    """Called before every write and while a program runs; raises TodoCloudError when it may not continue."""

    def __call__(self, sure: bool = True) -> None:
        """``sure`` False: only what is known already is checked, without a request."""


def always_allowed(sure: bool = True) -> None:
    """Allows everything."""


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
        on_retry: Callable[[str], None] = ...,
    ) -> tuple[list[Object], str]:
        """All objects and the resource version to watch from. ``on_retry`` gets the cause before each retry."""

    def resource(self, api_version: str, kind: str, *, deadline: Deadline | None = None) -> Resource:
        """Where a kind lives. Raises NotFound."""

    def served(self, *, deadline: Deadline | None = None) -> list[Resource]:
        """Every kind that can be listed."""

    def version(self, *, deadline: Deadline | None = None) -> str:
        """Version of Kubernetes, e.g. ``v1.36.1``."""

    def server_now(self) -> float:
        """The server's clock, seconds since the epoch."""


class KubeObserver(KubeReader, Protocol):
    """Reads objects, and observes them: watches, logs and requests to pods."""

    @property
    def server(self) -> str:
        """URL of the API server."""

    @property
    def patience(self) -> float:
        """Seconds for which a call without a deadline retries transient faults."""

    @property
    def counts(self) -> ApiCounts:
        """Requests, retries and relists so far."""

    def count_relist(self) -> None:
        """Counts that a watch had to list again."""

    def watch(
        self,
        resource: Resource,
        namespace: str,
        resource_version: str,
        *,
        seconds: float,
        silence: float,
        field_selector: str = "",
    ) -> Stream:
        """One watch request from ``resource_version`` on."""

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        previous: bool = False,
        tail: int = 50,
        deadline: Deadline | None = None,
    ) -> str:
        """Last lines of a container's log."""

    def proxy_get(
        self, namespace: str, pod: str, port: int | str, path: str, *, timeout: float = 10.0
    ) -> tuple[int, str]:
        """GET from a pod through the API server: (HTTP status, body)."""

    def service_get(
        self,
        namespace: str,
        service: str,
        port: int | str,
        path: str,
        query: Mapping[str, str],
        *,
        timeout: float = 10.0,
    ) -> tuple[int, str]:
        """The same from a Service."""


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
        """Replaces an object; with a resourceVersion only if it is unchanged (else Conflict)."""

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Any,
        *,
        content_type: str = MERGE,
        field_manager: str = "",
        force: bool = False,
        subresource: str = "",
        dry_run: bool = False,
        deadline: Deadline | None = None,
    ) -> Object:
        """Patches an object: ``MERGE``, ``JSON_PATCH``, or ``APPLY``, which needs ``field_manager``."""

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
        """Deletes an object; False when it did not exist."""

    def warnings(
        self, resource: Resource, namespace: str, name: str, body: Object, *, deadline: Deadline | None = None
    ) -> list[str]:
        """What the API server warns of when a merge patch is tried; nothing is stored."""


class KubeClient(KubeApi, KubeObserver, Protocol):
    """All of it, for a deployment."""

    def outlast(self, seconds: float, tell: Callable[[str], None]) -> None:
        """From now on an API server that has answered before is waited for so long since its last usable response, by
        calls without a deadline; ``tell`` gets a line then. One that has never answered is not: its address may be
        wrong.
        """


class Guarded:
    """A client whose writes ask ``check`` first, dry runs excepted: all that whoever works under a lock gets."""

    def __init__(self, kube: KubeClient, check: Check) -> None:
        self._kube = kube
        self._check = check
        self.get, self.find, self.list_ = kube.get, kube.find, kube.list_
        self.resource, self.served = kube.resource, kube.served
        self.version, self.server_now = kube.version, kube.server_now
        self.watch, self.logs, self.proxy_get, self.service_get = (
            kube.watch,
            kube.logs,
            kube.proxy_get,
            kube.service_get,
        )
        self.server, self.patience, self.counts = kube.server, kube.patience, kube.counts
        self.count_relist, self.warnings = kube.count_relist, kube.warnings
        self.outlast = kube.outlast

    def create(
        self,
        resource: Resource,
        namespace: str,
        body: Object,
        *,
        dry_run: bool = False,
        deadline: Deadline | None = None,
    ) -> Object:
        self._ask(dry_run)
        return self._kube.create(resource, namespace, body, dry_run=dry_run, deadline=deadline)

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
        self._ask(dry_run)
        return self._kube.replace(
            resource, namespace, body, subresource=subresource, dry_run=dry_run, deadline=deadline
        )

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Any,
        *,
        content_type: str = MERGE,
        field_manager: str = "",
        force: bool = False,
        subresource: str = "",
        dry_run: bool = False,
        deadline: Deadline | None = None,
    ) -> Object:
        self._ask(dry_run)
        return self._kube.patch(
            resource, namespace, name, body, content_type=content_type, field_manager=field_manager, force=force,
            subresource=subresource, dry_run=dry_run, deadline=deadline,
        )  # fmt: skip

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
        self._ask(dry_run)
        return self._kube.delete(
            resource, namespace, name, uid=uid, resource_version=resource_version, propagation=propagation,
            dry_run=dry_run, deadline=deadline,
        )  # fmt: skip

    def _ask(self, dry_run: bool) -> None:
        if not dry_run:
            self._check()
