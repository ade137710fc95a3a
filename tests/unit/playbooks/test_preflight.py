"""preflight.yml prints what stands in the way, and what is worth knowing beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.playbooks.stubbed import Stubbed, inventory

NOTE = "Namespace 'todo-test' is not there yet: the deployment of environment 'test' makes it."


def api_server(*options: str) -> dict[str, Any]:
    """Its pod, as kubeadm makes it."""
    pod = {"spec": {"containers": [{"name": "kube-apiserver", "command": ["kube-apiserver", *options]}]}}
    return {"kubernetes.core.k8s_info": {"resources": [pod]}}


def test_it_says_what_could_not_be_looked_at_yet_and_whether_secrets_are_encrypted_at_rest(tmp_path: Path) -> None:
    groups: dict[str, dict[str, Any]] = {"core_services": {"frontend": {}}}
    with Stubbed(tmp_path) as stubbed:
        run = stubbed.run("preflight", inventory(groups), answers={"todo.cloud.release_apply": {"notes": [NOTE]}})
        assert run.code == 0, run.output
        assert "nothing stands in the way" in run.text
        assert NOTE in run.text
        assert "Secrets at rest: not known" in run.text
        problem = {"table": ["in the way: no image"], "preflight": [{"certain": True}]}
        answers = {"todo.cloud.release_apply": problem, **api_server("--secure-port=6443")}
        run = stubbed.run("preflight", inventory(groups), answers=answers)
        assert run.code != 0
        assert "nothing stands in the way" not in run.text
        assert "Secrets at rest: not encrypted" in run.text
        answers = api_server("--encryption-provider-config=/etc/at-rest.yaml")
        run = stubbed.run("preflight", inventory(groups), answers=answers)
        assert "Secrets at rest: as the file of" in run.text
