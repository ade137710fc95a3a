"""What a login is, as roles describe it, and the last try in what a script said."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.logins.login import Login, Target, last_try

from tests.support.logins import PARAMS


@pytest.mark.parametrize("raw", [{}, {"name": "A b"}, {"kind": "mysql"}, {"topics": "x"}])
def test_a_malformed_login_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(TodoCloudError) as caught:
        Login.parse({**(PARAMS if raw else {}), **raw})
    assert caught.value.failure.code is Code.INVALID_INPUT


def test_only_the_last_try_counts() -> None:
    assert last_try("login: again\nrefused\nlogin: ok\n17.2") == (True, "17.2")
    assert last_try("login: again\nrefused\nlogin: failed\nwrong") == (False, "wrong")
    assert last_try("") == (False, "")


def test_each_host_has_its_port() -> None:
    assert Target("a:1,[::1]:2", "u").hosts == [("a", 1), ("::1", 2)]
