"""The controller's resolver, as the lookup asks it."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible_collections.todo.cloud.plugins.lookup import dns_records


def failing(number: int) -> Any:
    def ask(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(number, "words of the resolver")

    return ask


def test_a_name_that_is_there() -> None:
    assert "127.0.0.1" in dns_records.resolve("localhost")


def test_no_such_name_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", failing(socket.EAI_NONAME))
    assert dns_records.resolve("new.example.com") == []


def test_a_resolver_that_does_not_answer_is_no_missing_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", failing(socket.EAI_AGAIN))
    with pytest.raises(AnsibleError, match=r"new\.example\.com cannot be looked up.*words of the resolver"):
        dns_records.resolve("new.example.com")
