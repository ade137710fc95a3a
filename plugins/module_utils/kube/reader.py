# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The reading half of the session (see session.py): raw JSON, typed errors, retries until a deadline."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..parsing import MAX_BYTES, read_json
from .api import Object
from .deadline import Deadline
from .errors import Expired, KubeError, NotFound, Unreachable, error_of
from .resources import WELL_KNOWN, Resource
from .stream import Stream
from .transport import ApiCounts, Transport, network_cause, network_errors

_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_PAGE = 500
_LOG_BYTES = 65_536
_TIMES_PROXIED = 2.0  # of the time for an answer of a pod to begin, which it has until it ends
_STATUS = re.compile(rb'\s*\{"kind": ?"Status"')
_VERSION = re.compile(r"v?\d+\.\d+[\w.+-]{0,60}")


class Reader:
    """Reads objects, watches, logs and responses of pods. Arguments come in the order of a path."""

    def __init__(self, http: Transport) -> None:
        self._http = http
        self._discovered: dict[tuple[str, str], Resource] = {}
        self._version = ""

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
        """One object. Raises :class:`NotFound`."""
        headers = {"Accept": _METADATA} if metadata_only else {}
        path = resource.path(namespace, name, subresource)
        return self._json("GET", path, "get", describe(resource, namespace, name), headers=headers, deadline=deadline)

    def find(self, resource: Resource, namespace: str, name: str, **options: Any) -> Object | None:
        """Like :meth:`get`, but None when there is no such object (or no such kind)."""
        try:
            return self.get(resource, namespace, name, **options)
        except NotFound:
            return None

    def list_(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
        deadline: Deadline | None = None,
        on_retry: Callable[[str], None] = lambda cause: None,
    ) -> tuple[list[Object], str]:
        """All objects (read in pages) and the resource version to watch from.

        Selectors as in kubectl. ``on_retry`` gets the cause before each retry.
        """
        query = {"labelSelector": label_selector, "fieldSelector": field_selector, "limit": str(_PAGE)}
        headers = {"Accept": _METADATA_LIST if metadata_only else "application/json", "Accept-Encoding": "gzip"}
        items: list[Object] = []
        path, what = resource.path(namespace), describe(resource, namespace)
        while True:
            try:
                page = self._json(
                    "GET", path, "list", what, query=query, headers=headers, deadline=deadline, on_retry=on_retry
                )
            except Expired:  # the continue token has expired by etcd's compaction: start again
                items, query = [], {key: value for key, value in query.items() if key != "continue"}
                continue
            items += page.get("items") or []
            token = page["metadata"].get("continue")
            if not token:
                return items, str(page["metadata"].get("resourceVersion", ""))
            query["continue"] = token

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
        """One watch request from ``resource_version`` on; the caller iterates it, resumes and lists again.

        ``seconds``: after which the server ends it; ``silence``: read timeout of the client. One attempt, no retry.
        Raises :class:`Expired`, :class:`Unauthorized`, :class:`Forbidden`, or :class:`Unreachable` at once.
        """
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(max(1, int(seconds))),
            "fieldSelector": field_selector,
        }
        path = resource.path(namespace)
        response = self._http.send("GET", path, query, connect=min(10.0, silence), read=silence, stream=True)
        if response.status == 200:
            return Stream(response)
        with suppress(*network_errors()):
            response.read(cache_content=True)
        raise self._http.failure(response, "watch", describe(resource, namespace))

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
        """Last ``tail`` lines (at most 64 KiB) of a container's log, of its run before this one if ``previous``.

        A kubelet that reaches the limit leaves the end out, which tells most: then fewer lines are read.
        """
        query = {"container": container, "limitBytes": str(_LOG_BYTES)} | ({"previous": "true"} if previous else {})
        what = f'the log of container "{container}" of pod "{pod}" in namespace "{namespace}"'
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        while True:
            response = self._http.request(
                "GET", path, "get", what, query={**query, "tailLines": str(tail)}, headers={"Accept": "*/*"},
                deadline=deadline,
            )  # fmt: skip
            data = bytes(response.data)
            if len(data) < _LOG_BYTES or tail <= 1:
                return data.decode(errors="replace")
            tail = max(1, min(tail, data.count(b"\n")) // 2)

    def proxy_get(
        self, namespace: str, pod: str, port: int | str, path: str, *, timeout: float = 10.0
    ) -> tuple[int, str]:
        """GET ``path`` at a pod's port through the API server's pod proxy: (HTTP status, body).

        One attempt. The pod's response is returned whatever its status. Only 401, and a 403 or an error of the API
        server itself, are raised.
        """
        url = f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/{path.lstrip('/')}"
        return self._proxied(url, {}, f'pod "{pod}" in namespace "{namespace}"', timeout)

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
        """The same at a Service's port, through the API server's proxy for Services."""
        url = f"/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy/{path.lstrip('/')}"
        return self._proxied(url, query, f'Service "{service}" in namespace "{namespace}"', timeout)

    def exec_(self, namespace: str, pod: str, container: str, command: Sequence[str], *, seconds: float = 5.0) -> str:
        """What a short command writes, run in a container. One attempt. Raises :class:`Forbidden` and other errors."""
        from .exec import run

        return run(self._http, namespace, pod, container, command, seconds)

    def _proxied(self, url: str, query: Mapping[str, str], what: str, timeout: float) -> tuple[int, str]:
        response = self._http.send(
            "GET", url, query, headers={"Accept": "*/*"}, connect=timeout, read=timeout, stream=True
        )
        try:
            body = Stream(response).read(MAX_BYTES, _TIMES_PROXIED * timeout)
        except network_errors() as exc:
            cause = network_cause(exc)
            raise Unreachable(f"The answer of {what} was cut off: {cause}.", 0, cause=cause) from exc
        own = _STATUS.match(body)
        if response.status == 401 or (own and response.status in (403, 404, 500, 502, 503, 504)):
            raise error_of(response.status, body, "proxy to", what)
        return int(response.status), body.decode(errors="replace")

    def raw(self, path: str, *, query: Mapping[str, str] | None = None, deadline: Deadline | None = None) -> Object:
        """GET any JSON document of the API server, e.g. ``/version``."""
        return self._json("GET", path, "get", path, query=query, deadline=deadline)

    def resource(self, api_version: str, kind: str, *, deadline: Deadline | None = None) -> Resource:
        """Where ``kind`` lives; kinds that are not well known cost one discovery request per API version.

        Raises :class:`NotFound` when the server does not serve it.
        """
        key = (api_version, kind)
        if key not in WELL_KNOWN and key not in self._discovered:
            prefix = "/apis/" if "/" in api_version else "/api/"
            what = f'kind "{kind}" in API version "{api_version}"'
            served = self._json("GET", prefix + api_version, "get", what, deadline=deadline)
            names = {entry["name"] for entry in served.get("resources", [])}
            for entry in served.get("resources", []):
                if "/" not in entry["name"]:
                    self._discovered[(api_version, entry["kind"])] = Resource(
                        api_version,
                        entry["kind"],
                        entry["name"],
                        entry["namespaced"],
                        f"{entry['name']}/status" in names,
                    )
            if key not in self._discovered:
                raise NotFound(f"There is no {what}.", 404)
        return WELL_KNOWN.get(key) or self._discovered[key]

    def served(self, *, deadline: Deadline | None = None) -> list[Resource]:
        """Every kind that can be listed, in its group's preferred version, in two requests (aggregated discovery).

        Groups whose server does not answer are left out.
        """
        found: list[Resource] = []
        for path in ("/api", "/apis"):
            answer = self._json("GET", path, "get", path, headers={"Accept": _DISCOVERY}, deadline=deadline)
            for group in answer.get("items") or ():
                for version in (group.get("versions") or ())[:1]:
                    name = (group.get("metadata") or {}).get("name")
                    api_version = f"{name}/{version['version']}" if name else version["version"]
                    for each in version.get("resources") or ():
                        kind, namespaced = each["responseKind"]["kind"], each["scope"] != "Cluster"
                        if "list" in each.get("verbs", ()):
                            found.append(Resource(api_version, kind, each["resource"], namespaced))
        return found

    def version(self, *, deadline: Deadline | None = None) -> str:
        """Version of Kubernetes, e.g. ``v1.36.1``, asked once. Raises KubeError, also for an answer without one."""
        if not self._version:
            found = self.raw("/version", deadline=deadline).get("gitVersion")
            if not (isinstance(found, str) and _VERSION.fullmatch(found)):
                raise KubeError("The API server names no version of Kubernetes.", 0)
            self._version = found
        return self._version

    def server_now(self) -> float:
        """The server's clock in seconds since the epoch, from its responses (to compare server timestamps)."""
        return self._http.server_now()

    def kubeconfig(self) -> Object:
        """A complete in-memory kubeconfig for other programs (Helm): see :meth:`Credentials.kubeconfig`."""
        return self._http.credentials.kubeconfig()

    @property
    def patience(self) -> float:
        """Seconds for which a call without a deadline retries transient faults."""
        return self._http.patience

    def outlast(self, seconds: float, tell: Callable[[str], None]) -> None:
        """See :meth:`KubeClient.outlast`."""
        self._http.outlast(seconds, tell)

    @property
    def counts(self) -> ApiCounts:
        """Requests, retries and relists so far."""
        return self._http.counts

    def count_relist(self) -> None:
        """Counts that a watch had to list again."""
        self._http.count_relist()

    @property
    def server(self) -> str:
        """URL of the API server."""
        return self._http.server

    def _json(self, method: str, path: str, verb: str, what: str, **options: Any) -> Object:
        try:
            answer = read_json(self._http.request(method, path, verb, what, **options).data or b"{}")
        except ValueError:
            answer = None
        if not isinstance(answer, dict):  # a login page, say
            text = f"{self.server} answered {verb} {what} with something other than JSON: is it an API server?"
            raise KubeError(text, 200)
        return answer


def describe(resource: Resource, namespace: str = "", name: str = "") -> str:
    where = f' in namespace "{namespace}"' if resource.namespaced and namespace else ""
    return f'{resource.label} "{name}"{where}' if name else f"{resource.label}{where}"
