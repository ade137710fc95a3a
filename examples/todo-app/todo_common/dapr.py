"""Publish and subscribe through the Dapr sidecar's HTTP API (https://docs.dapr.io/reference/api/pubsub_api/).

Events are CloudEvents 1.0 (https://github.com/cloudevents/spec) in structured mode: the sidecar passes them on as they
are. Delivery is at least once, so whoever receives must bear the same id twice.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hmac import compare_digest
from typing import Any

import httpx
from fastapi import HTTPException, Request

from todo_common import metrics, trace
from todo_common.service import Service
from todo_common.settings import TOKEN_HEADER

log = logging.getLogger("dapr")

TASK_EVENTS = "task-events"
REMINDERS = "reminders"
_PUBLISH_SECONDS = 5


class PublishError(Exception):
    """The sidecar did not take an event. `rejected`: it answered 4xx, so trying others makes sense."""

    def __init__(self, message: str, rejected: bool) -> None:
        super().__init__(message)
        self.rejected = rejected


class Outcome(StrEnum):
    """What the sidecar does with a message."""

    SUCCESS = "SUCCESS"
    RETRY = "RETRY"
    DROP = "DROP"


class BadEvent(Exception):
    """This message can never be processed: log and drop it, to the dead letters where there are any."""


class TryLater(Exception):
    """Something else is in trouble: have the message delivered again."""


@dataclass(frozen=True)
class Event:
    """A CloudEvent as received."""

    id: str
    type: str
    time: str
    data: Mapping[str, Any]

    @classmethod
    def parse(cls, body: bytes) -> tuple[Event, str | None]:
        """The event and its traceparent, or BadEvent."""
        try:
            raw = json.loads(body)
            event = cls(str(raw["id"]), str(raw["type"]), str(raw.get("time") or ""), raw["data"])
        except (ValueError, KeyError, TypeError) as error:
            raise BadEvent(f"not a CloudEvent with JSON data ({type(error).__name__}: {error})") from error
        if not isinstance(event.data, Mapping):
            raise BadEvent("the CloudEvent's data is not an object")
        return event, raw.get("traceparent")


Handler = Callable[[Event], Awaitable[None]]


async def publish(service: Service, topic: str, event: Mapping[str, Any], key: str) -> None:
    """Hand one CloudEvent to the sidecar; events with the same key stay in order. Raises PublishError."""
    url = f"{service.settings.dapr_url}/v1.0/publish/{service.settings.pubsub}/{topic}"
    headers = {"content-type": "application/cloudevents+json", **service.settings.dapr_headers}
    try:
        response = await service.http.post(
            url,
            content=json.dumps(event),
            headers=headers,
            params={"metadata.partitionKey": key},
            timeout=_PUBLISH_SECONDS,
        )
    except httpx.HTTPError as error:
        metrics.PUBLISHED.labels(event["type"], "unreachable").inc()
        raise PublishError(f"the Dapr sidecar does not answer ({type(error).__name__})", rejected=False) from error
    if not response.is_success:
        metrics.PUBLISHED.labels(event["type"], str(response.status_code)).inc()
        message = f"the Dapr sidecar refused an event with {response.status_code}: {response.text[:300]}"
        raise PublishError(message, rejected=400 <= response.status_code < 500)
    metrics.PUBLISHED.labels(event["type"], "ok").inc()


def subscribe(service: Service, handlers: Mapping[str, Handler], *, dead_letters: bool = False) -> None:
    """Have every event of the topics given handed to its handler (Dapr's programmatic subscription).

    A handler returns (done), raises BadEvent (dropped, with a log line) or TryLater (delivered again); any other
    error counts as TryLater. With dead_letters the sidecar puts into <topic>-dead what was dropped, and what was
    refused as often as its Resiliency says.
    """

    async def subscriptions() -> list[dict[str, str]]:
        name = service.settings.pubsub
        return [
            {"pubsubname": name, "topic": topic, "route": f"/subscriptions/{topic}"}
            | ({"deadLetterTopic": f"{topic}-dead"} if dead_letters else {})
            for topic in handlers
        ]

    async def deliver(topic: str, request: Request) -> dict[str, str]:
        _only_from_sidecar(request, service.settings.app_token)
        if topic not in handlers:
            raise HTTPException(404)
        outcome = await _handle(handlers[topic], await request.body())
        return {"status": outcome.value}

    service.app.add_api_route("/dapr/subscribe", subscriptions, methods=["GET"])
    service.app.add_api_route("/subscriptions/{topic}", deliver, methods=["POST"])


def _only_from_sidecar(request: Request, token: str) -> None:
    """The sidecar shares the pod's network and calls from its loopback address, with its token where there is one."""
    host = request.client.host if request.client else ""
    sent = request.headers.get(TOKEN_HEADER, "")
    right = not token or compare_digest(sent.encode(), token.encode())
    if host not in ("127.0.0.1", "::1") or not right:
        raise HTTPException(403, "events are taken from the Dapr sidecar only")


async def _handle(handler: Handler, body: bytes) -> Outcome:
    kind = "unknown"
    try:
        event, traceparent = Event.parse(body)
        kind = event.type
        if trace.is_valid(traceparent):
            trace.begin(traceparent)
        await handler(event)
        outcome = Outcome.SUCCESS
    except BadEvent as error:
        log.error("dropped a message: %s", error)
        outcome = Outcome.DROP
    except TryLater as error:
        log.warning("asked for redelivery: %s", error)
        outcome = Outcome.RETRY
    except Exception:  # a fault of ours: the message must not be lost to it
        log.exception("asked for redelivery")
        outcome = Outcome.RETRY
    metrics.RECEIVED.labels(kind, outcome.value).inc()
    return outcome
