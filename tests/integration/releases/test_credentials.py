# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An environment's accounts at work: what an administrator makes, CI deploys with, and on-call looks at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import NAMESPACE, Resource
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.chaos.environment import Environment
from tests.integration.releases.test_playbooks import failed

POLICY = Resource(
    "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", namespaced=False
)
CLUSTER_ROLE = Resource("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", namespaced=False)
WITH_ACCOUNTS: dict[str, Any] = {
    "environment_deployer": True,
    "environment_oncall": True,
    "environment_admission": "deny",
}


def token_of(kubeconfig: Path) -> str:
    return str(json.loads(kubeconfig.read_text())["users"][0]["user"]["token"])


def test_each_playbook_runs_with_the_credentials_that_it_needs(
    kube: KubeSession, kubeconfig: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    env = Environment(kube, kubeconfig, tmp_path, few=True)
    wanted = ["-e", json.dumps(WITH_ACCOUNTS)]

    def gone() -> None:
        env.act_with(kubeconfig)
        if kube.find(NAMESPACE, "", env.namespace):
            env.run("playbooks/teardown.yml", "v1", "-e", f"teardown_confirm={env.namespace}")

    request.addfinalizer(gone)
    deployer, oncall = tmp_path / "deployer", tmp_path / "oncall"
    env.run("playbooks/bootstrap.yml", "v1", *wanted, "-e", f"credentials_file={deployer}")
    assert deployer.stat().st_mode & 0o777 == 0o600

    env.act_with(str(deployer))
    file = f"credentials_file={oncall}"
    made = env.run("playbooks/credentials.yml", "v1", "-e", file, "-e", "credentials_account=oncall")
    assert "until 20" in made.output, "the deployer makes on-call's"
    kept = env.run("playbooks/credentials.yml", "v1", "-e", f"credentials_file={deployer}")
    assert "changed=0" in kept.output, "more than half of its life is left"
    for version in ("v1", "v2"):
        env.run("playbooks/services.yml", version, *wanted)
    env.run("playbooks/rollback.yml", "v2")
    assert env.versions() == {"v1"}
    assert "at verified set 3" in env.run("playbooks/status.yml", "v1").output
    assert "would be refused" not in env.run("playbooks/plan.yml", "v2", *wanted).output
    refused = failed(env.start("site.yml", "v1", "-e", json.dumps({**WITH_ACCOUNTS, "environment_admission": "off"})))
    assert "is written by whoever manages the environment, not by its deployer" in refused

    env.act_with(str(oncall))
    shown = env.run("playbooks/status.yml", "v1").output
    assert "newest verified set: 3" in shown
    assert "not checked: Secrets may not be read" in " ".join(shown.split())
    assert "in which Helm keeps its releases" in failed(env.start("playbooks/plan.yml", "v2"))

    for log in tmp_path.glob("*.log"):
        assert not [each for each in (deployer, oncall) if token_of(each) in log.read_text()], log
    assert not env.traces()
    gone()
    names = {f"{env.namespace}-{each}" for each in ("own", "pods", "deployer", "oncall")}
    left = [item["metadata"]["name"] for kind in (POLICY, CLUSTER_ROLE) for item in kube.list_(kind)[0]]
    assert not names & set(left), "what is cluster-scoped goes with its environment"
