# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All I/O with the Kubernetes API: raw JSON over a connection pool, without model classes.

Transient faults (429 with Retry-After, 5xx, refused and reset connections, TLS and read timeouts) are retried until a
deadline; everything else is a typed error (errors.py). Threads may share a session.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from .api import APPLY, MERGE, Object
from .deadline import Deadline
from .errors import Conflict, NotFound
from .reader import Reader, describe
from .resources import Resource
from .transport import Transport

_WARNING = re.compile(r'\d{3} \S+ "((?:[^"\\]|\\.)*)"')


class KubeSession(Reader):
    """A connection to one API server as one user. Use as a context manager.

    Arguments come in the order of a path: resource, namespace (empty for cluster-scoped kinds), name, body.
    :class:`Reader` has the reading methods.

    ``patience``: seconds for which a call without a deadline retries transient faults.
    """

    def __init__(self, params: Mapping[str, Any], user_agent: str = "todo.cloud", patience: float = 30.0) -> None:
        super().__init__(Transport(params, user_agent, patience))

    @classmethod
    def from_params(cls, params: Mapping[str, Any], user_agent: str = "todo.cloud") -> KubeSession:
        """From kubernetes.core's auth options (a module's ``params``; other keys are ignored)."""
        return cls(params, user_agent)

    def __enter__(self) -> KubeSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def create(
        self,
        resource: Resource,
        namespace: str,
        body: Object,
        *,
        dry_run: bool = False,
        deadline: Deadline | None = None,
    ) -> Object:
        """Create an object. Raises :class:`AlreadyExists`, but not for its own object after a lost response."""
        return self._write("POST", resource, namespace, body, resource.path(namespace), dry_run, deadline)

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
        """Replace an object; with a resourceVersion in ``body`` only if it is unchanged (else :class:`Conflict`)."""
        path = resource.path(namespace, body["metadata"]["name"], subresource)
        return self._write("PUT", resource, namespace, body, path, dry_run, deadline)

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
        """Patch by ``MERGE``, ``JSON_PATCH`` or ``APPLY`` (server-side apply: needs ``field_manager``)."""
        query = {"fieldManager": field_manager, "dryRun": "All" if dry_run else ""}
        if content_type == APPLY and force:
            query["force"] = "true"
        path = resource.path(namespace, name, subresource)
        retried: list[str] = []
        try:
            return self._json(
                "PATCH", path, "patch", describe(resource, namespace, name), query=query,
                headers={"Content-Type": content_type}, body=body, deadline=deadline, on_retry=retried.append,
            )  # fmt: skip
        except Conflict:
            ours = content_type == MERGE and retried and not dry_run
            if ours and (live := self._written(resource, namespace, name, body, deadline)) is not None:
                return live
            raise

    def warnings(
        self, resource: Resource, namespace: str, name: str, body: Object, *, deadline: Deadline | None = None
    ) -> list[str]:
        """The texts of the ``Warning`` headers that a merge patch gets in a dry run."""
        response = self._http.request(
            "PATCH", resource.path(namespace, name), "patch", describe(resource, namespace, name),
            query={"dryRun": "All"}, headers={"Content-Type": MERGE}, body=body, deadline=deadline,
        )  # fmt: skip
        return [text for header in response.headers.getlist("Warning") for text in warning_texts(header)]

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
        """Delete an object; False when it did not exist. ``uid`` and ``resource_version`` are preconditions."""
        expected = {"uid": uid, "resourceVersion": resource_version}
        body: Object = {"propagationPolicy": propagation}
        if any(expected.values()):
            body["preconditions"] = {key: value for key, value in expected.items() if value}
        if dry_run:
            body["dryRun"] = ["All"]
        retried: list[str] = []
        try:
            self._json("DELETE", resource.path(namespace, name), "delete", describe(resource, namespace, name),
                       headers={"Content-Type": "application/json"}, body=body, deadline=deadline,
                       on_retry=retried.append)  # fmt: skip
        except NotFound:
            return bool(retried)  # after a retry: this call deleted it, and only the response was lost
        return True

    def _write(self, method: str, resource: Resource, namespace: str, body: Object, path: str,
               dry_run: bool, deadline: Deadline | None) -> Object:  # fmt: skip
        """POST or PUT. After a lost response a conflict may be with our own write: then the live object equals it."""
        name = body.get("metadata", {}).get("name", "")
        verb = "create" if method == "POST" else "update"
        retried: list[str] = []
        try:
            return self._json(method, path, verb, describe(resource, namespace, name),
                              query={"dryRun": "All" if dry_run else ""},
                              headers={"Content-Type": "application/json"}, body=body, deadline=deadline,
                              on_retry=retried.append)  # fmt: skip
        except Conflict:
            ours = retried and name and not dry_run
            if ours and (live := self._written(resource, namespace, name, body, deadline)) is not None:
                return live
            raise

    def _written(
        self, resource: Resource, namespace: str, name: str, body: Object, deadline: Deadline | None
    ) -> Object | None:
        """The live object if it is what this session wrote, else None."""
        live = self.get(resource, namespace, name, deadline=deadline)
        return live if _holds(live, body) else None


def warning_texts(header: str) -> list[str]:
    """The texts of a ``Warning`` header: code, agent and a quoted text each (RFC 7234, section 5.5)."""
    return [re.sub(r"\\(.)", r"\1", text) for text in _WARNING.findall(header)]


def _holds(live: Any, wanted: Any) -> bool:
    """True if ``live`` contains ``wanted`` (except resource versions)."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(
            key == "resourceVersion" or (key in live and _holds(live[key], value)) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(_holds, live, wanted))
    return bool(live == wanted)
