# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""LIST once, WATCH after that: one pair per kind and namespace, through every fault the API can have.

Each feed has a thread that lists and watches and puts what it sees into one queue; the consumer's thread alone
touches the store. A watch is resumed from the last resourceVersion (bookmarks keep that fresh), listed again after 410,
and cut by a read timeout when nothing, not even the server's own end, arrives: that is how a half-open connection is
noticed. Everything ends at one shared deadline.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from ..failure import TodoCloudError
from .deadline import Deadline
from .errors import Expired, Forbidden, NotFound, Unauthorized, Unreachable, error_of
from .resources import Resource
from .session import KubeSession, Object
from .stream import Stream
from .transport import network_errors, pause_before

# The server ends each watch after this many seconds; the client gives up this much later.
WATCH_SECONDS = 20.0
SILENCE_MARGIN = 5.0


@dataclass(frozen=True)
class Feed:
    """One kind in one namespace, or one object of it. An ``optional`` feed is left out when it is forbidden."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    optional: bool = False

    @property
    def field_selector(self) -> str:
        """Selector for a single object; empty for all."""
        return f"metadata.name={self.name}" if self.name else ""


@dataclass(frozen=True)
class _Change:
    feed: Feed
    listed: tuple[Object, ...] | None = None
    event: str = ""
    obj: Object | None = None
    error: TodoCloudError | None = None
    fault: str = ""


@dataclass
class Watcher:
    """Keeps a store of what the feeds show. Use as a context manager, from one thread.

    Errors that end a feed (401, 403, an unknown kind) are raised by :meth:`update`; those of an optional feed are kept
    in ``denied``. ``fault`` is why the API server gives no answer at present, empty when it does.
    """

    kube: KubeSession
    feeds: Iterable[Feed]
    deadline: Deadline
    denied: dict[Feed, TodoCloudError] = field(default_factory=dict)
    fault: str = ""
    _store: dict[Feed, dict[tuple[str, str], Object]] = field(default_factory=dict)
    _changes: queue.SimpleQueue[_Change] = field(default_factory=queue.SimpleQueue)
    _stop: threading.Event = field(default_factory=threading.Event)
    _open: dict[Feed, Stream] = field(default_factory=dict)

    def __enter__(self) -> Watcher:
        self.feeds = list(dict.fromkeys(self.feeds))
        for feed in self.feeds:
            threading.Thread(target=self._follow, args=(feed,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for stream in list(self._open.values()):
            stream.interrupt()

    @property
    def complete(self) -> bool:
        """True once every feed has been listed (or is known to be denied)."""
        return all(feed in self._store or feed in self.denied for feed in self.feeds)

    def objects(self, resource: Resource, namespace: str = "") -> list[Object]:
        """What the store holds of a kind (in a namespace; empty: everywhere)."""
        feeds = (feed for feed in self._store if feed.resource == resource and namespace in ("", feed.namespace))
        return [obj for feed in feeds for obj in self._store[feed].values()]

    def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """One object of the store; None when it is not there."""
        key = (namespace, name)
        feeds = (feed for feed in self._store if feed.resource == resource and key in self._store[feed])
        return next((self._store[feed][key] for feed in feeds), None)

    def update(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for a change, take in all that are there; True if the store changed."""
        changed = False
        try:
            change = self._changes.get(timeout=max(0.0, timeout))
            while True:
                changed |= self._take(change)
                change = self._changes.get_nowait()
        except queue.Empty:
            return changed

    def _take(self, change: _Change) -> bool:
        if change.error is not None:
            if not (change.feed.optional and isinstance(change.error, (Forbidden, NotFound))):
                raise change.error
            self.denied[change.feed] = change.error
            return True
        self.fault = change.fault
        if change.fault:
            return False
        if change.listed is not None:
            self._store[change.feed] = {_key(obj): obj for obj in change.listed}
        elif change.obj is not None and change.event == "DELETED":
            self._store[change.feed].pop(_key(change.obj), None)
        elif change.obj is not None:
            self._store[change.feed][_key(change.obj)] = change.obj
        return True

    # -- in the feed's thread -----------------------------------------------------------------------------------

    def _follow(self, feed: Feed) -> None:
        version, failures = "", 0
        while not self._stop.is_set() and not self.deadline.expired:
            try:
                if not version:
                    version = self._list(feed)
                began = time.monotonic()
                version = self._watch(feed, version)
                failures = 0
                if time.monotonic() - began < 1.0:  # something cuts every watch at once: do not turn that into a storm
                    self._stop.wait(0.5)
            except Unreachable as exc:
                failures += 1
                self._changes.put(_Change(feed, fault=exc.failure.details.get("cause", "no answer")))
                self._stop.wait(min(pause_before(failures + 1), self.deadline.remaining))
            except TodoCloudError as exc:
                self._changes.put(_Change(feed, error=exc))
                return

    def _list(self, feed: Feed) -> str:
        items, version = self.kube.list_(
            feed.resource, feed.namespace, field_selector=feed.field_selector, deadline=self.deadline
        )
        # Items of a list carry neither apiVersion nor kind.
        kind = {"apiVersion": feed.resource.api_version, "kind": feed.resource.kind}
        self._changes.put(_Change(feed, listed=tuple({**kind, **item} for item in items)))
        return version

    def _watch(self, feed: Feed, version: str) -> str:
        """Follow one watch request to its end; returns the version to go on from, empty to list again."""
        seconds = max(1.0, min(WATCH_SECONDS, self.deadline.remaining + 1.0))
        stream = None
        try:
            stream = self._open[feed] = self.kube.watch(
                feed.resource, feed.namespace, version, seconds=seconds, silence=seconds + SILENCE_MARGIN,
                field_selector=feed.field_selector,
            )  # fmt: skip
            for event in stream:
                if event["type"] == "ERROR":
                    raise self._error(event["object"], feed)
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self._changes.put(_Change(feed, event=event["type"], obj=event["object"]))
                if self._stop.is_set():
                    break
        except Expired:
            self.kube.count_relist()
            return ""
        except Unauthorized:
            return ""  # listing renews the credentials, or says for good that they are rejected
        except network_errors():
            pass  # cut in the middle: go on from the last whole event
        except (ValueError, KeyError):
            pass  # cut in the middle of a line: the same
        finally:
            self._open.pop(feed, None)
            if stream is not None:
                stream.close()
        return version

    def _error(self, status: Object, feed: Feed) -> TodoCloudError:
        code = int(status.get("code") or 500)
        if code in (429, 500, 502, 503, 504):
            return Unreachable("The watch ended with an error.", code, cause=f"HTTP {code} in a watch")
        return error_of(code, str(status.get("message", "")).encode(), "watch", feed.resource.label)


def _key(obj: Object) -> tuple[str, str]:
    meta: dict[str, Any] = obj["metadata"]
    return str(meta.get("namespace", "")), str(meta["name"])
