# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fixtures of the integration tests: the cluster (TODO_CLOUD_TEST_KUBECONFIG), and namespaces that go with a test."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, NAMESPACE, SERVICE_ACCOUNT
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.integration.support import ModuleRun, eventually, run_module

VARIABLE = "TODO_CLOUD_TEST_KUBECONFIG"
# They begin first, so that all workers end at about the same time.
LONGEST = (
    "chaos/test_killed_anywhere.py",
    "rollouts/test_random_rollouts.py",
    "releases/test_playbooks.py",
    "releases/test_promote_playbook.py",
    "releases/test_apply.py",
    "releases/test_kill.py",
    "test_cluster.py",
    "releases/test_faults.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; all else stays in its order."""
    order = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


@pytest.fixture(scope="session")
def kubeconfig() -> str:
    """Path of the test cluster's kubeconfig."""
    path = os.environ.get(VARIABLE, "")
    if not path or not Path(path).is_file():
        pytest.fail(f"{VARIABLE} does not name a kubeconfig: run these tests by 'make test', or start a cluster first.")
    return path


@pytest.fixture(scope="session")
def kube(kubeconfig: str) -> Iterator[KubeSession]:
    """A session as the cluster's administrator."""
    with KubeSession.from_params({"kubeconfig": kubeconfig}, user_agent="todo.cloud tests") as session:
        yield session


@pytest.fixture(scope="module")
def make_namespace(kube: KubeSession) -> Iterator[Callable[..., str]]:
    """Makes namespaces with a name of their own (and labels); they are removed at the end of the test module."""
    made: list[str] = []

    def make(**labels: str) -> str:
        name = f"test-{secrets.token_hex(4)}"
        kube.create(
            NAMESPACE, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        )
        made.append(name)
        # Pods are refused until the namespace has its default service account.
        eventually("default service account", lambda: kube.find(SERVICE_ACCOUNT, name, "default"))
        # It comes by itself too: a test that compares what is there must not see it come.
        eventually("root certificate", lambda: kube.find(CONFIG_MAP, name, "kube-root-ca.crt"))
        return name

    yield make
    for name in made:
        kube.delete(NAMESPACE, "", name)


@pytest.fixture
def namespace(make_namespace: Callable[..., str], kube: KubeSession) -> Iterator[str]:
    """One namespace for one test."""
    name = make_namespace()
    yield name
    kube.delete(NAMESPACE, "", name)


@pytest.fixture(scope="session")
def module(kubeconfig: str) -> Callable[..., ModuleRun]:
    """Runs a module of this collection for real: ``module("rollout_wait", {...}, check=True)``."""

    def run(name: str, params: dict[str, Any], **options: Any) -> ModuleRun:
        return run_module(name, params, options.pop("kubeconfig", kubeconfig), **options)

    return run
