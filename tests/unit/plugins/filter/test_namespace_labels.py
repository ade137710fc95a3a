# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.todo.cloud.plugins.filter.namespace_labels import namespace_labels


def test_owner_and_pod_security() -> None:
    assert namespace_labels("staging", "todo.cloud/platform-of", "baseline") == {
        "todo.cloud/platform-of": "staging",
        "pod-security.kubernetes.io/enforce": "baseline",
        "pod-security.kubernetes.io/warn": "baseline",
    }
