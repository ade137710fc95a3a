"""preflight.yml prints what stands in the way, and what is worth knowing beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.playbooks.stubbed import Stubbed, inventory

API_SERVERS = "kubernetes.core.k8s_info"
NOTE = "Namespace 'todo-test' is not there yet: the deployment of environment 'test' makes it."


def test_it_says_what_could_not_be_looked_at_yet(tmp_path: Path) -> None:
    groups: dict[str, dict[str, Any]] = {"core_services": {"frontend": {}}}
    with Stubbed(tmp_path) as stubbed:
        run = stubbed.run("preflight", inventory(groups), answers={"todo.cloud.release_apply": {"notes": [NOTE]}})
        assert run.code == 0, run.output
        assert "nothing stands in the way" in run.text
        assert NOTE in run.text
        problem = {"table": ["in the way: no image"], "preflight": [{"certain": True}]}
        run = stubbed.run("preflight", inventory(groups), answers={"todo.cloud.release_apply": problem})
        assert run.code != 0
        assert "nothing stands in the way" not in run.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["kube-apiserver", "--secure-port=6443"], "Secrets at rest: not encrypted"),
        (["kube-apiserver", "--encryption-provider-config=/etc/at-rest.yaml"], "Secrets at rest: as the file of"),
        ([], "Secrets at rest: not known"),
    ],
)
def test_it_says_what_can_be_known_of_secrets_at_rest(tmp_path: Path, options: list[str], words: str) -> None:
    groups: dict[str, dict[str, Any]] = {"core_services": {"frontend": {}}}
    pods = [{"spec": {"containers": [{"name": "kube-apiserver", "command": options}]}}] if options else []
    answers: dict[str, Any] = {"todo.cloud.release_apply": {}, API_SERVERS: {"resources": pods}}
    with Stubbed(tmp_path) as stubbed:
        run = stubbed.run("preflight", inventory(groups), answers=answers)
    assert run.code == 0, run.output
    assert words in run.text
