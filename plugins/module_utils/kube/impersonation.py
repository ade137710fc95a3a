# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""As whom the API is asked: by kubernetes.core's options, or by ``as``, ``as-groups``, ``as-uid`` and ``as-user-extra``
of the kubeconfig, which kubectl and Helm obey and the Python client does not; pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ..failure import Code, error

_KEYS = ("as", "as-groups", "as-uid", "as-user-extra")
_TOKEN = "!#$&'*+^`|"  # what a header's name may hold beside letters, digits, and what quote() leaves anyway


@dataclass(frozen=True)
class Impersonation:
    """The user whose rights count; empty: those of the credentials themselves."""

    user: str = ""
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def of(cls, options: Mapping[str, Any], user: Mapping[str, Any]) -> Impersonation:
        """From the options ``impersonate_user`` and ``impersonate_groups``, else from the user of the kubeconfig.

        Raises ``credentials`` for what would be obeyed by one client and not by another.
        """
        named, groups = options.get("impersonate_user"), options.get("impersonate_groups") or []
        if groups and not named:
            raise _refused("impersonate_groups without impersonate_user: no server accepts that")
        if named:
            return _checked(cls(str(named), tuple(map(str, groups))))
        given = {key: user[key] for key in _KEYS if user.get(key)}
        if given and "as" not in given:
            raise _refused(f"{', '.join(given)} of the kubeconfig without 'as': kubectl would ignore it")
        extra = given.get("as-user-extra", {})
        if not isinstance(given.get("as", ""), str) or not isinstance(given.get("as-uid", ""), str):
            raise _refused("as and as-uid of the kubeconfig must be strings")
        if not isinstance(extra, Mapping) or not all(map(_are_texts, [given.get("as-groups", []), *extra.values()])):
            raise _refused("'as-groups' of the kubeconfig must be a list of strings, 'as-user-extra' lists by key")
        more = tuple((str(key), tuple(values)) for key, values in extra.items())
        return _checked(cls(given.get("as", ""), tuple(given.get("as-groups", ())), given.get("as-uid", ""), more))

    def headers(self) -> list[tuple[str, str]]:
        """As the API server reads them: https://kubernetes.io/docs/reference/access-authn-authz/authentication."""
        found = [("Impersonate-User", self.user)] if self.user else []
        found += [("Impersonate-Group", group) for group in self.groups]
        found += [("Impersonate-Uid", self.uid)] if self.uid else []
        for key, values in self.extra:
            found += [(f"Impersonate-Extra-{quote(key, safe=_TOKEN)}", value) for value in values]
        return found

    def as_kubeconfig(self) -> dict[str, Any]:
        """Keys of a kubeconfig's user."""
        extra = {key: list(values) for key, values in self.extra}
        given = {"as": self.user, "as-groups": list(self.groups), "as-uid": self.uid, "as-user-extra": extra}
        return {key: value for key, value in given.items() if value}


def _are_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _checked(found: Impersonation) -> Impersonation:
    for _name, value in found.headers():
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise _refused("a user, group or other name has characters that no header can carry")
    return found


def _refused(why: str) -> Exception:
    return error(Code.CREDENTIALS, f"The API cannot be asked as somebody else: {why}.")
