"""Faults that a proxy in front of an API server injects, and its responses for them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

# Real responses when the server, its database or a load balancer in front of it is faulty.
_ERRORS = (
    (500, "application/json", "etcdserver: leader changed"),
    (500, "application/json", "etcdserver: request timed out"),
    (500, "application/json", "Internal error occurred: context deadline exceeded"),
    (500, "text/plain", "rpc error: code = Unavailable desc = error reading from server: EOF\n"),
    (502, "text/html", "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>\n"),
    (503, "application/json", "apiserver not ready"),
)


@dataclass(frozen=True)
class Faults:
    """Shares are between 0 and 1 of all requests (of all watches where the name says so); times are in seconds.

    Attributes:
        seed: the same seed makes the same decisions for the same order of requests.
        too_many: share answered 429, with ``retry_after``.
        errors: share answered 500, or 502 and 503 as load balancers do; the request does not reach the server.
        resets: share of connections reset instead of an answer; the request does not reach the server.
        lost_answers: share where the server has done what was asked, but the connection is reset before it says so.
        truncated: share of answers that end by a reset in the middle of their body.
        watch_cut: each watch's connection is reset so long after it began; 0: never.
        watch_silent: each watch carries nothing more so long after it began, but stays open; None: never.
        gone_events: share of watches that get 410 as their first event.
        gone_answers: share of watches that get 410 as their HTTP status.
        unauthorized_after: after so many requests since these faults were set on, every one gets 401; None: never.
        down_at: asked with method and path (with its query) of each request; at True the proxy goes down before it,
            and up again after ``down_seconds`` (0: never).
        date_shift: added to the server's Date header: a load balancer whose clock is wrong.
    """

    seed: int = 0
    too_many: float = 0.0
    retry_after: int = 1
    errors: float = 0.0
    resets: float = 0.0
    lost_answers: float = 0.0
    truncated: float = 0.0
    watch_cut: float = 0.0
    watch_silent: float | None = None
    gone_events: float = 0.0
    gone_answers: float = 0.0
    unauthorized_after: int | None = None
    down_at: Callable[[str, str], bool] | None = None
    down_seconds: float = 0.0
    date_shift: float = 0.0


@dataclass(frozen=True)
class Answer:
    """An answer that no server gave."""

    status: int
    body: bytes
    content_type: str = "application/json"
    retry_after: int = 0


class Steps:
    """For ``down_at``: true once, for the request that matches the last pattern after others matched those before."""

    def __init__(self, *patterns: str) -> None:
        self._patterns = list(patterns)

    def __call__(self, method: str, path: str) -> bool:
        if not self._patterns or not re.search(self._patterns[0], f"{method} {path}"):
            return False
        del self._patterns[0]
        return not self._patterns


TOO_OLD = "too old resource version: 1 (2)"


class Dice:
    """Decides for each request which fault it meets: name of the field of :class:`Faults`, or nothing."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._random = random.Random(faults.seed)

    def roll(self, watch: bool) -> str:
        faults = self._faults
        names = ["too_many", "errors", "resets", *(["gone_events", "gone_answers"] if watch else
                                                   ["lost_answers", "truncated"])]  # fmt: skip
        chance = self._random.random()
        for name in names:
            chance -= getattr(faults, name)
            if chance < 0:
                return name
        return ""

    def answer(self, fault: str) -> Answer:
        """The made-up answer for ``too_many``, ``errors``, ``gone_answers`` or ``gone_events``."""
        if fault == "too_many":
            text = b"Too many requests, please try again later.\n"
            return Answer(429, text, "text/plain; charset=utf-8", self._faults.retry_after)
        if fault == "errors":
            code, kind, message = self._random.choice(_ERRORS)
            return Answer(code, status(code, message) if kind == "application/json" else message.encode(), kind)
        if fault == "gone_answers":
            return Answer(410, status(410, TOO_OLD, "Expired"))
        event = {"type": "ERROR", "object": json.loads(status(410, TOO_OLD, "Expired"))}
        return Answer(200, json.dumps(event).encode() + b"\n")


def status(code: int, message: str, reason: str = "InternalError") -> bytes:
    """A Status object as the API server sends it."""
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
            "reason": reason, "code": code}  # fmt: skip
    return json.dumps(body).encode()


UNAUTHORIZED = Answer(401, status(401, "Unauthorized", "Unauthorized"))
