# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""As whom the API server sees this run: what impersonation, a client certificate or a token come to in the end."""

from __future__ import annotations

from .api import KubeClient
from .errors import KubeError
from .resources import SELF_SUBJECT_REVIEW

_SHOWN = 200  # characters of a name


def identity(kube: KubeClient) -> str:
    """``as USER on SERVER``; one request. A server that does not tell (Kubernetes before 1.28) is named alone."""
    try:
        review = kube.create(
            SELF_SUBJECT_REVIEW, "", {"apiVersion": SELF_SUBJECT_REVIEW.api_version, "kind": "SelfSubjectReview"}
        )
        name = review["status"]["userInfo"]["username"]
    except (KubeError, KeyError, TypeError):
        return f"on {kube.server}"
    shown = "".join(each for each in str(name) if each.isprintable())[:_SHOWN]
    return f"as {shown} on {kube.server}"
