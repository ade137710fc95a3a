# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where kinds live in the API."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, NODE, POD, SECRET


def test_paths_of_resources() -> None:
    assert POD.path("ns", "x", "log") == "/api/v1/namespaces/ns/pods/x/log"
    assert DEPLOYMENT.path() == "/apis/apps/v1/deployments"
    assert NODE.path("ns", "n") == "/api/v1/nodes/n"
    assert SECRET.path("ns", "a/b") == "/api/v1/namespaces/ns/secrets/a%2Fb"
