# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Container image references by the grammar of the distribution project; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

DOCKER_HUB = "docker.io"
_OLD_DOCKER_HUB = "index.docker.io"
_LONGEST_NAME = 255  # characters of a repository

# Grammar: https://github.com/distribution/reference/blob/main/reference.go; its normalize.go says what is a host.
_LABEL = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
_PATTERNS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "registry": (
        re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"),
        "a host name with an optional port",
    ),
    "repository": (
        re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"),
        "lower-case words separated by '/'",
    ),
    "tag": (re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"), "up to 128 letters, digits, '_', '.' or '-'"),
    "digest": (re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"), "'sha256:' and 64 hexadecimal digits"),
}
PARTS = tuple(_PATTERNS)
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")


def is_digest(text: str) -> bool:
    """Whether ``text`` is a digest of an algorithm that registries use."""
    return _PATTERNS["digest"][0].fullmatch(text) is not None


def is_tag(text: object) -> bool:
    """Whether it can be a tag."""
    return isinstance(text, str) and _PATTERNS["tag"][0].fullmatch(text) is not None


def tag_of_referrers(digest: str) -> str:
    """The tag of the index of what refers to a digest, where a registry keeps no list of that."""
    return digest.replace(":", "-", 1)


@dataclass(frozen=True)
class Reference:
    """``registry/repository:tag@digest``; tag and digest may be empty. A missing tag never means latest."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """From a reference as text. Raises ValueError with a message."""
        if _IMAGE_ID.fullmatch(text):
            raise ValueError(f"{text!r} is the ID of an image on one machine; expected a repository")
        rest, at, digest = text.partition("@")
        name, colon, tag = rest.rpartition(":")
        if not colon or "/" in tag:  # the colon, if any, belongs to a port
            name, colon, tag = rest, "", ""
        if (at and not digest) or (colon and not tag):
            raise ValueError(f"{text!r} ends without its {'digest' if at else 'tag'}")
        first, slash, remainder = name.partition("/")
        # No repository has capitals, so a first part with some is a host.
        if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
            return cls.of(first, remainder, tag, digest, source=text)
        return cls.of(DOCKER_HUB, name, tag, digest, source=text)

    @classmethod
    def of(cls, registry: str, repository: str, tag: str = "", digest: str = "", *, source: object = "") -> Reference:
        """From parts. Raises ValueError, which names ``source``, when one does not follow the grammar."""
        if registry == _OLD_DOCKER_HUB:
            registry = DOCKER_HUB
        if registry == DOCKER_HUB and repository and "/" not in repository:
            repository = f"library/{repository}"
        parts = {"registry": registry, "repository": repository, "tag": tag, "digest": digest}
        for key, (pattern, wanted) in _PATTERNS.items():
            if not parts[key] and key in ("tag", "digest"):
                continue
            if not pattern.fullmatch(parts[key]):
                raise ValueError(f"{source or parts!r} has the {key} {parts[key]!r}; expected {wanted}")
        if len(repository) > _LONGEST_NAME:
            raise ValueError(f"{repository[:40]!r}… has {len(repository)} characters; expected {_LONGEST_NAME} at most")
        return cls(registry, repository, tag, digest)

    @property
    def name(self) -> str:
        """Registry and repository."""
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")
