# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a tightened namespace would do to a pod that runs in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

POD_SECURITY, QUOTA, POLICIES = "environment_pod_security", "environment_quota", "environment_policies"
ADMISSION = "environment_admission"
NAMESPACE_POD_SECURITY = "namespace_pod_security"  # of the role namespace, where it is used alone
ADVICE = {
    NAMESPACE_POD_SECURITY: "a level that they fit",
    POD_SECURITY: "{enforce: baseline}, or privileged",
    QUOTA: "higher limits, or off",
    ADMISSION: "warn or off, or change the services first; environment_registries names where images may come from",
    POLICIES: "audit or off, or open it in environment_values.networkPolicies",
}


@dataclass(frozen=True)
class Finding:
    """``variable`` decides; ``pods``: whom it hits, as text; ``reason``: one phrase."""

    variable: str
    pods: str
    reason: str

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"variable": self.variable, "pods": self.pods, "reason": self.reason}

    def __str__(self) -> str:
        return f"{self.pods}: {self.reason} ({self.variable})"
