# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that modules share. Imports very little, since each run of a module loads everything that it imports."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC

KUBE: dict[str, Any] = {name: dict(option) for name, option in AUTH_ARG_SPEC.items()}
for _secret in ("kubeconfig", "api_key", "password"):  # kubernetes.core >= 6.3 hides a kubeconfig by itself
    KUBE[_secret]["no_log"] = True

WAIT: dict[str, Any] = {
    "graces": {"type": "dict", "default": {}},
    "stability_seconds": {"type": "float", "default": 3.0},
    "log_lines": {"type": "int", "default": 30},
    "readiness_rules": {"type": "dict", "default": {}},
    "log_store": {
        "type": "dict",
        "options": {
            "namespace": {"type": "str"},
            "service": {"type": "str"},
            "port": {"type": "int"},
            "url": {"type": "str"},
        },
    },
}
HELM: dict[str, Any] = {
    "helm_binary": {"type": "str", "default": "helm"},
    "history_max": {"type": "int", "default": 40},
    "timeout": {"type": "int", "default": 300},
    "lock_wait": {"type": "int", "default": 0},
    "run_url": {"type": "str"},
    "lock_ttl": {"type": "int", "default": 15},
    "allowed_namespaces": {"type": "list", "elements": "str", "default": []},
    "allowed_chart_sources": {"type": "list", "elements": "str", "default": []},
}
LOCK: dict[str, Any] = {"lock": {"type": "str", "choices": ["namespace", "platform"], "default": "namespace"}}
ENVIRONMENT: dict[str, Any] = {
    "environment": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
}
MAY_DIFFER: dict[str, Any] = {"may_differ": {"type": "list", "elements": "str", "default": ["environment"]}}
ALL_RELEASES: dict[str, Any] = {
    "all_releases": {
        "type": "list",
        "elements": "str",
        "default": [],
        "aliases": ["known"],
        "deprecated_aliases": [{"name": "known", "version": "2.0.0", "collection_name": "todo.cloud"}],
    }
}
REGISTRIES: dict[str, Any] = {
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
RECORD_KEYS: dict[str, Any] = {
    "record_key": {"type": "str", "no_log": True},
    "record_public_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
}
ANNOUNCE: dict[str, Any] = {
    "announce": {
        "type": "dict",
        "options": {
            "event": {"type": "bool", "default": False},
            "metric": {"type": "bool", "default": False},
            "webhook": {"type": "str", "no_log": True},
            "webhook_format": {"type": "str", "choices": ["slack", "json"], "default": "slack"},
            "trace_endpoint": {"type": "str"},
            "trace_headers": {"type": "dict", "no_log": True},
            "trace_parent": {"type": "str"},
        },
    },
}
CHANGE_RULES: dict[str, Any] = {
    "change_rules": {
        "type": "dict",
        "default": {},
        "options": {
            "promoted_from": {"type": "str"},
            "promoted": {"type": "list", "elements": "str"},
            "freeze": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "why": {"type": "str", "required": True},
                    "from": {"type": "str"},
                    "until": {"type": "str"},
                },
            },
            "emergency": {"type": "str"},
            "image_key": {"type": "str", "no_log": False},
            "unsigned": {"type": "list", "elements": "str", "default": []},
        },
    }
}
CLUSTER: dict[str, Any] = {"cluster_id": {"type": "str"}}
ENDPOINT: dict[str, Any] = {
    "endpoint": {
        "type": "dict",
        "options": {
            "url": {"type": "str", "required": True},
            "validate_certs": {"type": "bool", "default": True},
            "redirect_from": {"type": "str"},
        },
    }
}
DAPR: dict[str, Any] = {"dapr_namespace": {"type": "str", "default": "dapr-system"}}
REGISTRY: dict[str, Any] = {
    "endpoint": {"type": "str"},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "pull_secret": {"type": "jsonarg", "no_log": True},
    "ca_path": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 30},
}
_WORKLOADS = [  # rollout.targets.WORKLOADS
    "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "Pod",
]  # fmt: skip
_NAME: dict[str, Any] = {"type": "str", "required": True}
_TEXT: dict[str, Any] = {"type": "str", "default": ""}
ROLLOUT: dict[str, Any] = {
    "releases": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": _NAME, "namespace": _NAME},
    },
    "workloads": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "kind": {
                "type": "str",
                "choices": _WORKLOADS,
                "default": "Deployment",
            },
            "name": _NAME,
            "namespace": _NAME,
        },
    },
    "resources": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "api_version": _NAME,
            "kind": _NAME,
            "name": _NAME,
            "namespace": _TEXT,
            "ready_when": _TEXT,
            "failed_when": _TEXT,
        },
    },
}
DIGITALOCEAN: dict[str, Any] = {
    "api_token": {"type": "str", "no_log": True},
    "api_url": {"type": "str"},
    "api_timeout": {"type": "int", "default": 180},
    "api_ca_path": {"type": "path"},
}
DOKS: dict[str, Any] = {"name": {"type": "str"}, "cluster_id": {"type": "str"}}
