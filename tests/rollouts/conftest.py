# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cluster and the namespaces of the integration tests."""

from __future__ import annotations

from tests.integration.conftest import kube, kubeconfig, make_namespace

__all__ = ["kube", "kubeconfig", "make_namespace"]
