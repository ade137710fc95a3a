"""How playbooks reach the cluster: a kubeconfig that is not there is told with what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.playbooks.stubbed import Stubbed, inventory

GROUPS: dict[str, dict[str, Any]] = {"components": {"dapr_components": {}}, "core_services": {"backend_api": {}}}


@pytest.mark.parametrize(
    ("playbook", "given", "remedy"),
    [
        ("status", {"cluster_provider": "local"}, "playbooks/cluster.yml"),
        ("services", {}, "export KUBECONFIG=… with the path of yours"),
    ],
)
def test_a_kubeconfig_that_is_not_there(playbook: str, given: dict[str, str], remedy: str, tmp_path: Path) -> None:
    with Stubbed(tmp_path) as stubbed:
        run = stubbed.run(playbook, inventory(GROUPS, cluster_kubeconfig="/no/kubeconfig", **given))
    assert run.code != 0, run.output
    assert "There is no kubeconfig /no/kubeconfig (cluster_kubeconfig)" in run.text
    assert remedy in run.text


def test_one_that_is_there_none_and_several_are_handed_on(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text("{}")
    with Stubbed(tmp_path) as stubbed:
        for given, expected in ((str(file), str(file)), ("", None), (f"{file}:/other", f"{file}:/other")):
            run = stubbed.run("status", inventory(GROUPS, cluster_kubeconfig=given))
            assert run.arguments("release_set_info")[-1].get("kubeconfig") == expected
