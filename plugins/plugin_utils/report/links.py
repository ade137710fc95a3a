# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the names in a report lead to. A URL is plain ASCII without a user, or none: nothing in it needs escaping."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PATH = r"[A-Za-z0-9._~%+,=:/-]"
_AFTER = rf"(?:/{_PATH}*)?(?:\?(?:{_PATH}|&)*)?(?:#[A-Za-z0-9_-]*)?"
_WEB = re.compile(rf"https?://{_LABEL}(?:\.{_LABEL})*(?::[0-9]{{1,5}})?{_AFTER}")
_LONGEST = 1000
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def web(url: str) -> str:
    """The URL, if it is one of the web and nothing but that; else empty."""
    return url if len(url) <= _LONGEST and _WEB.fullmatch(url) else ""


def image_page(image: str) -> str:
    """The page of an image where its reference alone tells it; else empty."""
    try:
        found = Reference.parse(image)
    except ValueError:
        return ""
    owner, slash, name = found.repository.partition("/")
    match found.registry:
        case "ghcr.io" if slash:
            return web(f"https://ghcr.io/{found.repository}")  # leads to the package's page on github.com
        case "quay.io" if slash:
            at = f"/manifest/{found.digest}" if found.digest else "?tab=tags"
            return web(f"https://quay.io/repository/{found.repository}{at}")
        case "docker.io" if "/" not in name:
            page = f"_/{name}" if owner == "library" else f"r/{found.repository}"
            return web(f"https://hub.docker.com/{page}" + (f"/tags?name={found.tag}" if found.tag else ""))
    return ""


def commit_page(commit: str, env: Mapping[str, str]) -> str:
    """The page of a commit, if it is the one of the CI job, whose repository the environment names; else empty.

    A deployment may be of another repository's commit.
    """
    if not _COMMIT.fullmatch(commit):
        return ""
    if commit == env.get("GITHUB_SHA"):  # of Forgejo, too
        return web(f"{env.get('GITHUB_SERVER_URL', '')}/{env.get('GITHUB_REPOSITORY', '')}/commit/{commit}")
    if commit == env.get("CI_COMMIT_SHA"):
        return web(f"{env.get('CI_PROJECT_URL', '')}/-/commit/{commit}")
    return ""
