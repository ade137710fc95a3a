"""Secrets of an environment whose values are no text: each key is named, before anything is done."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from tests.unit.playbooks.stubbed import Stubbed, inventory

GROUPS: dict[str, dict[str, Any]] = {"environment": {"namespace": {}}}


def test_a_date_and_a_boolean_are_named_by_their_keys(tmp_path: Path) -> None:
    secrets = {"app": {"valid_until": datetime.date(2024, 1, 1), "flag": True, "text": "kept-quiet"}}
    with Stubbed(tmp_path) as stubbed:
        run = stubbed.run("environment", inventory(GROUPS, environment_secrets=secrets))
    assert run.code != 0, run.output
    assert (
        "environment_secrets has values that are no text: app.flag (a boolean), app.valid_until (a date)." in run.text
    )
    assert "kept-quiet" not in run.output
    assert not {"k8s", "helm_release"} & set(run.modules())
