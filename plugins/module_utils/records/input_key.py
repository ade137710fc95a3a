# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The key of a namespace for digests over secret values: 256 random bits in a Secret, made once.

Without the key a digest of a password in a label would let everybody who may read labels try passwords. Nothing
depends on it alone: when it is lost, values are compared with those that Helm stores, and the next write makes a new
one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..digest import digest_of
from ..kube import secret_data
from ..kube.api import KubeApi, KubeReader

NAME = "todo-cloud-input-key"
_ID_LENGTH = 12


@dataclass(frozen=True)
class InputKey:
    """``id`` names the key in labels, without saying anything about it."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """12 hex digits."""
        return digest_of(b"input-key", self.secret)[:_ID_LENGTH]


def read_key(kube: KubeReader, namespace: str) -> InputKey | None:
    """The namespace's key; None when there is none (or none that can be used)."""
    secret = secret_data.read_key(kube, namespace, NAME)
    return InputKey(secret) if secret else None


def make_key(kube: KubeApi, namespace: str) -> InputKey:
    """The namespace's key, made now if there is none."""
    return InputKey(secret_data.make_key(kube, namespace, NAME))
