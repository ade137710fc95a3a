"""Calls to the services behind the endpoint that outlive their pods being replaced.

* A connection that can't be made is tried again for a few seconds, whatever the request: nothing was sent yet.
* One that breaks before the answer is whole, too, for requests that may safely be repeated: of a pod that goes away,
  several idle connections may break one after another.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import httpx

log = logging.getLogger("upstream")

PATIENCE_SECONDS = 5
# AttributeError: a connection that is closed as soon as it is made; httpcore asks anyio for its socket, which is gone.
_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, AttributeError)
_BROKEN = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)


class Unavailable(Exception):
    """The service gave no answer; the message says why."""


async def call(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes = b"",
    repeatable: bool,
    stream: bool = False,
) -> tuple[httpx.Response, bool]:
    """The response and whether the request may have been sent twice. Raises Unavailable."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + PATIENCE_SECONDS
    pause, repeated = 0.05, False
    while True:
        request = client.build_request(method, url, headers=headers, content=content)
        try:
            return await client.send(request, stream=stream), repeated
        except (*_NOT_CONNECTED, *_BROKEN) as error:
            sent = isinstance(error, _BROKEN)
            if (sent and not repeatable) or loop.time() + pause > give_up:
                raise _unavailable(url, error) from error
            repeated = repeated or sent
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.5)
        except httpx.HTTPError as error:
            raise _unavailable(url, error) from error
        log.info("%s %s: trying again", method, httpx.URL(url).path)


def _unavailable(url: str, error: Exception) -> Unavailable:
    service = httpx.URL(url).host
    log.warning("%s gives no answer: %s", service, type(error).__name__)
    return Unavailable(f"{service} gives no answer at the moment; try again")
