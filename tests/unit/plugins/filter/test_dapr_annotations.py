"""A dictionary becomes Dapr's annotations; what Dapr would ignore is refused."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.todo.cloud.plugins.filter.dapr_annotations import KNOWN, FilterModule, dapr_annotations


def test_values_become_strings() -> None:
    assert dapr_annotations(
        {
            "enabled": True,
            "app_id": "backend-api",
            "app-port": 8080,
            "dapr.io/log-as-json": False,
            "sidecar_cpu_request": "20m",
        }
    ) == {
        "dapr.io/enabled": "true",
        "dapr.io/app-id": "backend-api",
        "dapr.io/app-port": "8080",
        "dapr.io/log-as-json": "false",
        "dapr.io/sidecar-cpu-request": "20m",
    }


def test_none_is_left_out_and_nothing_gives_nothing() -> None:
    assert dapr_annotations({"config": None}) == {}
    assert dapr_annotations({}) == {}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"app_idd": "x"}, "knows no annotation 'app_idd'; did you mean 'app_id'?"),
        ({"sidecar_cpu_requests": "1"}, "did you mean 'sidecar_cpu_request'?"),
        ({"appPort": 1}, "did you mean 'app_port'?"),
        ({"zzzzzz": 1}, "knows no annotation 'zzzzzz'"),
        ({"app_id": "a", "app-id": "b"}, "dapr.io/app-id is given twice"),
        ({"env": {"A": "b"}}, "env must be a string, a number or a boolean, got dict"),
        (["app_id"], "expected a dictionary, got list"),
    ],
)
def test_refuses(settings: dict[str, object], words: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        dapr_annotations(settings)
    assert words in str(caught.value)


def test_known_names_have_all_probe_settings() -> None:
    assert {n for n in KNOWN if "probe" in n and n.startswith("sidecar")} == {
        f"sidecar-{kind}-probe-{name}"
        for kind in ("liveness", "readiness")
        for name in ("delay-seconds", "timeout-seconds", "period-seconds", "threshold")
    }


def test_filter_is_registered() -> None:
    assert FilterModule().filters() == {"dapr_annotations": dapr_annotations}
