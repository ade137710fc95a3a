# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Text in Secrets, whatever else is in them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.secret_data import make_key, read_key, texts_of

from tests.support.fake_kube import FakeKube


def packed(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_what_is_no_text_is_left_out() -> None:
    data = {"a": packed(b"one"), "b": packed(b"\xff"), "c": "%", "d": None, "e": 5, "f": packed("ä".encode())}
    assert texts_of({"data": data}) == {"a": "one", "f": "ä"}


@pytest.mark.parametrize("secret", [None, {}, {"data": None}, {"data": ["x"]}])
def test_a_secret_without_data(secret: Any) -> None:
    assert texts_of(secret) == {}


def test_a_key_is_made_once_and_one_that_cannot_be_used_is_replaced() -> None:
    kube = FakeKube()
    assert read_key(kube, "ns", "key") is None
    key = make_key(kube, "ns", "key")
    assert (len(key), make_key(kube, "ns", "key"), read_key(kube, "ns", "key")) == (32, key, key)
    kube.objects["Secret", "ns", "key"]["data"] = {"key": packed(b"short")}
    assert read_key(kube, "ns", "key") is None
    assert len(make_key(kube, "ns", "key")) == 32
    assert read_key(kube, "ns", "key") not in (None, key)
