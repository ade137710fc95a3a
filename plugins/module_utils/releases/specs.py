# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that the release modules share. Nothing is imported: what a module imports, every run of it loads."""

from __future__ import annotations

from typing import Any

HELM_SPEC: dict[str, Any] = {
    "helm_binary": {"type": "str", "default": "helm"},
    "history_max": {"type": "int", "default": 40},
    "timeout": {"type": "int", "default": 300},
    "lock_wait": {"type": "int", "default": 0},
    "run_url": {"type": "str"},
    "lock_ttl": {"type": "int", "default": 15},
}
LOCK_SPEC: dict[str, Any] = {"lock": {"type": "str", "choices": ["namespace", "platform"], "default": "namespace"}}
ENVIRONMENT_SPEC: dict[str, Any] = {
    "environment": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
}
REGISTRIES_SPEC: dict[str, Any] = {
    "registries": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "host": {"type": "str", "required": True},
            "endpoint": {"type": "str"},
            "pull_secret": {"type": "str", "no_log": False},
            "username": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "ca_path": {"type": "path"},
            "validate_certs": {"type": "bool", "default": True},
        },
    }
}
CLUSTER_SPEC: dict[str, Any] = {"cluster_id": {"type": "str"}}
DAPR_SPEC: dict[str, Any] = {"dapr_namespace": {"type": "str", "default": "dapr-system"}}
