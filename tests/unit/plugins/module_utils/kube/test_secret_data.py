# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Text in Secrets, whatever else is in them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.secret_data import texts_of


def packed(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_what_is_no_text_is_left_out() -> None:
    data = {"a": packed(b"one"), "b": packed(b"\xff"), "c": "%", "d": None, "e": 5, "f": packed("ä".encode())}
    assert texts_of({"data": data}) == {"a": "one", "f": "ä"}


@pytest.mark.parametrize("secret", [None, {}, {"data": None}, {"data": ["x"]}])
def test_a_secret_without_data(secret: Any) -> None:
    assert texts_of(secret) == {}
