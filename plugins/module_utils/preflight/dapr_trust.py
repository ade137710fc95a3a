# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Dapr's mutual TLS: certificates that end soon, or none at all."""

from __future__ import annotations

from collections.abc import Iterator

from ..dapr.trust import Trust
from ..failure import Code
from .problem import Problem

_RENEW = "renew them with playbooks/rotate_dapr_certificates.yml, where the platform is managed"
_MEND = "deploy Dapr again where the platform is managed, by playbooks/platform.yml"


def trust_problems(name: str, trust: Trust, refuse_below: int) -> Iterator[Problem]:
    """``name``: of the environment. With fewer days than ``refuse_below``, or none, nothing is to be deployed."""
    ending = trust.ending()
    for text in trust.sentences():
        certain = text == ending and (trust.days_left or 0) < max(refuse_below, 0)
        yield Problem(name, Code.DAPR_TRUST, text, _RENEW if text == ending else _MEND, certain)
