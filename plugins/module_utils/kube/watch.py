# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""LIST once, then WATCH: one pair per kind and namespace, in spite of all faults of the API.

Each feed has a thread that lists and watches and puts changes into one queue; only the consumer's thread uses the
store. A watch is resumed from the last resourceVersion (bookmarks keep it fresh), and lists again after 410. A read
timeout ends it when nothing arrives, not even the server's end of the watch; this detects half-open connections. The
store may be outdated by as much, so the consumer calls :meth:`Watcher.confirmed` before it concludes that time has
passed. Everything ends at one shared deadline.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

from ..failure import TodoCloudError
from .api import KubeObserver, Object
from .deadline import Deadline
from .errors import Expired, Forbidden, NotFound, Unauthorized, Unreachable, error_of
from .resources import Resource
from .stream import CAN_INTERRUPT, Stream
from .transport import network_errors, pause_before, silence_errors

# The server ends each watch after WATCH_SECONDS; the client gives up SILENCE_MARGIN later.
WATCH_SECONDS = 20.0
SILENCE_MARGIN = 5.0
# Events this soon after a watch was opened may be old, with newer ones to follow.
BACKLOG_SECONDS = 1.0


@dataclass(frozen=True)
class Feed:
    """One kind in one namespace, or one object of it. An ``optional`` feed is skipped when it is forbidden."""

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
    current: bool = True  # False: an event from before the watch was opened, with more to follow
    at: float = field(default_factory=time.monotonic)


@dataclass
class Watcher:
    """Keeps a store of the feeds' objects. Use as a context manager, from one thread.

    Errors that end a feed (401, 403, an unknown kind) are raised by :meth:`update`; those of an optional feed are kept
    in ``denied``. With ``follow`` False each feed is only listed, once.
    """

    kube: KubeObserver
    feeds: Iterable[Feed]
    deadline: Deadline
    follow: bool = True
    denied: dict[Feed, TodoCloudError] = field(default_factory=dict)
    _store: dict[Feed, dict[tuple[str, str], Object]] = field(default_factory=dict)
    _changes: queue.SimpleQueue[_Change] = field(default_factory=queue.SimpleQueue)
    _stop: threading.Event = field(default_factory=threading.Event)
    _open: dict[Feed, Stream] = field(default_factory=dict)
    _last_current: dict[Feed, float] = field(default_factory=dict)
    _faults: dict[Feed, _Change] = field(default_factory=dict)
    _to_relist: set[Feed] = field(default_factory=set)

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
    def fault(self) -> str:
        """Why the API server does not respond at present; empty when it does."""
        return next((change.fault for change in self._active_faults()), "")

    @property
    def fault_seconds(self) -> float:
        """How long it has not responded."""
        now = time.monotonic()
        return now - min((change.at for change in self._active_faults()), default=now)

    def confirmed(self, age: float) -> bool:
        """True if every feed that is not optional was current within the last ``age`` seconds.

        The others are listed again, and the next updates contain the result.
        """
        now = time.monotonic()
        old = [
            feed
            for feed in self._last_current
            if not feed.optional and (feed in self._faults or (CAN_INTERRUPT and now - self._last_current[feed] > age))
        ]
        for feed in old:
            if feed not in self._to_relist:
                self._to_relist.add(feed)
                if (stream := self._open.get(feed)) is not None:
                    stream.interrupt()
        return not old

    def _active_faults(self) -> list[_Change]:
        """Present faults of required feeds; an optional feed only has to be listed once."""
        return [fault for feed, fault in self._faults.items() if not (feed.optional and feed in self._store)]

    @property
    def complete(self) -> bool:
        """True once every feed has been listed (or is known to be denied)."""
        return all(feed in self._store or feed in self.denied for feed in self.feeds)

    def objects(self, resource: Resource, namespace: str = "") -> list[Object]:
        """Objects of a kind in the store (in a namespace; empty: everywhere)."""
        feeds = (feed for feed in self._store if feed.resource == resource and namespace in ("", feed.namespace))
        return [obj for feed in feeds for obj in self._store[feed].values()]

    def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """One object of the store; None when it does not exist."""
        key = (namespace, name)
        feeds = (feed for feed in self._store if feed.resource == resource and key in self._store[feed])
        return next((self._store[feed][key] for feed in feeds), None)

    def update(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for a change, then apply all queued ones; True if the store changed."""
        changed = False
        try:
            change = self._changes.get(timeout=max(0.0, timeout))
            while True:
                changed |= self._apply(change)
                change = self._changes.get_nowait()
        except queue.Empty:
            return changed

    def _apply(self, change: _Change) -> bool:
        if change.error is not None:
            if not (change.feed.optional and isinstance(change.error, (Forbidden, NotFound))):
                raise change.error
            self.denied[change.feed] = change.error
            return True
        if change.fault:
            began = self._faults.get(change.feed, change).at
            self._faults[change.feed] = replace(change, at=began)  # the latest cause, since the first
            return False
        self._faults.pop(change.feed, None)
        if change.current:
            self._last_current[change.feed] = change.at
        if change.listed is not None:
            self._store[change.feed] = {_key(obj): obj for obj in change.listed}
        elif change.obj is not None and change.event == "DELETED":
            self._store[change.feed].pop(_key(change.obj), None)
        elif change.obj is not None:
            self._store[change.feed][_key(change.obj)] = change.obj
        return change.listed is not None or change.obj is not None

    # -- in the feed's thread -----------------------------------------------------------------------------------

    def _follow(self, feed: Feed) -> None:
        version, failures, short = "", 0, 0
        while not self._stop.is_set() and not self.deadline.expired:
            try:
                if not version or feed in self._to_relist:
                    version = self._list(feed)
                    self._to_relist.discard(feed)
                if not self.follow:
                    return
                began = time.monotonic()
                version = self._watch(feed, version)
                failures, short = 0, short + 1 if time.monotonic() - began < 1.0 else 0
                if short and feed not in self._to_relist:  # something ends every watch at once: back off
                    self._stop.wait(min(0.25 * 2**short, 2.0))
            except Unreachable as exc:
                failures += 1
                self._changes.put(_Change(feed, fault=exc.failure.details.get("cause", "no response")))
                self._stop.wait(min(pause_before(failures + 1), self.deadline.remaining))
            except TodoCloudError as exc:
                self._changes.put(_Change(feed, error=exc))
                return

    def _list(self, feed: Feed) -> str:
        items, version = self.kube.list_(
            feed.resource, feed.namespace, field_selector=feed.field_selector, deadline=self.deadline,
            on_retry=lambda cause: self._changes.put(_Change(feed, fault=cause)),
        )  # fmt: skip
        # Items of a list carry neither apiVersion nor kind.
        kind = {"apiVersion": feed.resource.api_version, "kind": feed.resource.kind}
        self._changes.put(_Change(feed, listed=tuple({**kind, **item} for item in items)))
        return version

    def _watch(self, feed: Feed, version: str) -> str:
        """Follow one watch request to its end; returns the version to continue from, empty to list again."""
        seconds = max(1.0, min(WATCH_SECONDS, self.deadline.remaining + 1.0))
        stream = None
        try:
            stream = self._open[feed] = self.kube.watch(
                feed.resource, feed.namespace, version, seconds=seconds, silence=seconds + SILENCE_MARGIN,
                field_selector=feed.field_selector,
            )  # fmt: skip
            opened = time.monotonic()
            if feed in self._faults:
                self._changes.put(_Change(feed, current=False))
            if self._stop.is_set() or feed in self._to_relist:
                return version
            for event in stream:
                if event["type"] == "ERROR":
                    raise self._error(event["object"], feed)
                version = event["object"]["metadata"]["resourceVersion"]
                obj = event["object"] if event["type"] != "BOOKMARK" else None
                current = time.monotonic() - opened > BACKLOG_SECONDS
                self._changes.put(_Change(feed, event=event["type"], obj=obj, current=current))
                if self._stop.is_set():
                    break
        except Expired:
            self.kube.count_relist()
            return ""
        except Unauthorized:
            return ""  # listing renews the credentials, or raises the final error
        except network_errors() as exc:
            if isinstance(exc, silence_errors()):
                return ""  # not even the server's end of the watch arrived: the connection may be half-open
            # cut in the middle: continue from the last complete event
        except (ValueError, KeyError):
            pass  # cut in the middle of a line: likewise
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
