"""The body of a watch: one JSON object a line, wherever the network cuts it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.stream import Stream


class Response:
    """Arrives in these pieces."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.done: list[str] = []

    def stream(self, size: int, **_: Any) -> Iterator[bytes]:
        yield from self.chunks

    def shutdown(self) -> None:
        self.done.append("shutdown")
        raise OSError("it is over already")

    def close(self) -> None:
        self.done.append("close")


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_lines_are_put_together_whatever_the_pieces(size: int) -> None:
    text = b'{"a": 1}\n\n{"b": "\xc3\xa4"}\n'
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    assert list(Stream(Response(*chunks))) == [{"a": 1}, {"b": "ä"}]


def test_an_unfinished_line_is_no_event_and_a_broken_one_is_an_error() -> None:
    assert list(Stream(Response(b'{"a": 1}\n{"b"'))) == [{"a": 1}]
    with pytest.raises(json.JSONDecodeError):
        list(Stream(Response(b"{nonsense\n")))


def test_it_can_be_ended_at_any_time() -> None:
    response = Response()
    stream = Stream(response)
    stream.interrupt()
    stream.close()
    assert response.done == ["shutdown", "close"]
