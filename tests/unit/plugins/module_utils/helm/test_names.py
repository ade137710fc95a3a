"""What may stand on Helm's command line."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.names import (
    check_chart,
    check_label,
    check_name,
    check_namespace,
)


@pytest.mark.parametrize("name", ["--post-renderer=/bin/sh", "-x", "", "A", "a_b", "a/b", "a\n", "a" * 54, None, 5])
def test_no_name(name: Any) -> None:
    for check in (check_name, lambda text: check_namespace(text * 2 if isinstance(text, str) else text)):
        with pytest.raises(TodoCloudError) as caught:
            check(name)
        assert caught.value.failure.code is Code.INVALID_INPUT


@pytest.mark.parametrize(
    ("chart", "version"),
    [
        ("--post-renderer=/bin/sh", None), ("-f", None), ("", None), ("a\nb", None), (5, None), ("a\x00", None),
        ("x", "--post-renderer=/bin/sh"), ("x", "-1"), ("x", "1\n2"), ("x", 1.5), (" x", None),
    ],
)  # fmt: skip
def test_no_chart(chart: Any, version: Any) -> None:
    with pytest.raises(TodoCloudError) as caught:
        check_chart(chart, version)
    assert caught.value.failure.code is Code.INVALID_INPUT


@pytest.mark.parametrize(
    ("chart", "version"),
    [
        ("./charts/service", None), ("/srv/a b/chart.tgz", ""), ("oci://ghcr.io/x/y", "1.0.0-rc.1+build"),
        ("dapr/dapr", ">=1.15.0 <2"), ("https://x/y.tgz", "^1.2"), ("x", "1.x || 2.x"), ("x@sha256:0", "~1"),
    ],
)  # fmt: skip
def test_charts(chart: str, version: str | None) -> None:
    check_chart(chart, version)


@pytest.mark.parametrize(
    ("key", "value"), [("a", "b,c=d"), ("a", "-b"), ("a,b", "c"), ("a", 5), ("", "x"), ("a", None)]
)
def test_no_label(key: Any, value: Any) -> None:
    with pytest.raises(TodoCloudError):
        check_label(key, value)
    check_label("todo.cloud/inputs", "0" * 40)
