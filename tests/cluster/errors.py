"""The one error of this package."""

from __future__ import annotations


class ClusterError(Exception):
    """Something that its user can mend; the message is one sentence that says what, where and what to do."""
