# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An environment of its own for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import NAMESPACE
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.cluster.paths import BIN
from tests.integration.releases.world import ENVIRONMENT, World


@pytest.fixture
def world(
    request: pytest.FixtureRequest, kubeconfig: str, kube: KubeSession, make_namespace: Callable[..., str]
) -> Iterator[World]:
    """With Helm 4; a test marked ``both_helms`` gets one with Helm 3 too."""
    name = make_namespace(**{"todo.cloud/environment": ENVIRONMENT})
    yield World(kubeconfig, kube, name, str(BIN / getattr(request, "param", "helm")))
    kube.delete(NAMESPACE, "", name)
