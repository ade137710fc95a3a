# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that turns a dictionary into Dapr's pod annotations."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dapr_annotations
version_added: 0.1.0
short_description: Turn a dictionary into Dapr's pod annotations
description:
  - Each key, with underscores or hyphens, becomes an annotation C(dapr.io/…) and each value a string, as Kubernetes
    wants it.
  - Dapr silently ignores annotations that it does not know. This filter refuses them and suggests the nearest known
    name.
  - Keys whose value is V(none) are left out.
options:
  _input:
    description: Settings of the sidecar. The names are those of Dapr's annotations without the prefix.
    type: dict
    required: true
notes:
  - The known names are those of Dapr 1.18 (pkg/injector/annotations of its source), which hold all names of 1.14.
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Annotations of a pod
  ansible.builtin.debug:
    msg: "{{ {'enabled': true, 'app_id': 'backend-api', 'app_port': 8080} | todo.cloud.dapr_annotations }}"
    # dapr.io/enabled: 'true', dapr.io/app-id: backend-api, dapr.io/app-port: '8080'
"""

RETURN = r"""
_value:
  description: Annotations for the pod template.
  type: dict
  sample:
    dapr.io/enabled: "true"
    dapr.io/app-id: backend-api
    dapr.io/app-port: "8080"
"""

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

# Dapr 1.18.3, pkg/injector/annotations/annotations.go
_PROBE = ("delay-seconds", "timeout-seconds", "period-seconds", "threshold")
_NAMES = """
    enabled app-id app-port app-protocol app-ssl app-channel-address app-token-secret app-max-concurrency config
    enable-profiling log-level log-as-json api-token-secret enable-metrics metrics-port enable-debug debug-port
    env env-from-secret grpc-port internal-grpc-port sidecar-cpu-request sidecar-cpu-limit sidecar-memory-request
    sidecar-memory-limit sidecar-listen-addresses sidecar-image sidecar-seccomp-profile-type sidecar-svc-annotations
    http-max-request-size max-body-size http-read-buffer-size read-buffer-size graceful-shutdown-seconds
    block-shutdown-duration enable-api-logging unix-domain-socket-path volume-mounts volume-mounts-rw
    disable-builtin-k8s-secret-store enable-app-health-check app-health-check-path app-health-probe-interval
    app-health-probe-timeout app-health-threshold app-binding-options-timeout placement-host-address
    actors-disseminate-timeout scheduler-host-address pluggable-components pluggable-components-sockets-folder
    component-container inject-pluggable-components sentry-request-jwt-audiences disable-init-endpoints
    enable-native-sidecar
"""
KNOWN = frozenset(_NAMES.split()) | {
    f"sidecar-{kind}-probe-{name}" for kind in ("liveness", "readiness") for name in _PROBE
}


def _text(key: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise AnsibleFilterError(
        f"dapr_annotations: {key} must be a string, a number or a boolean, got {type(value).__name__}"
    )


def dapr_annotations(settings: Mapping[str, object]) -> dict[str, str]:
    """Return the annotations ``dapr.io/<name>`` for the settings, sorted by name.

    :raises AnsibleFilterError: a name is unknown to Dapr, given twice, or its value is not a scalar
    """
    if not isinstance(settings, Mapping):
        raise AnsibleFilterError(f"dapr_annotations: expected a dictionary, got {type(settings).__name__}")
    result: dict[str, str] = {}
    for key in sorted(settings):
        name = str(key).removeprefix("dapr.io/").replace("_", "-")
        if name not in KNOWN:
            near = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0].replace('-', '_')!r}?" if near else ""
            raise AnsibleFilterError(f"dapr_annotations: Dapr knows no annotation {key!r}{hint}")
        annotation = f"dapr.io/{name}"
        if annotation in result:
            raise AnsibleFilterError(f"dapr_annotations: {annotation} is given twice")
        if settings[key] is not None:
            result[annotation] = _text(key, settings[key])
    return result


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"dapr_annotations": dapr_annotations}
