# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the text of a chart on this machine rules out, so that it need not be rendered, or not with a server's help."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..digest import canonical, chart_files, is_local
from ..failure import TodoCloudError
from ..files import files_below

# "kind: Secret", also where a template composes it.
_SECRET = re.compile(rb"""kind\W{0,60}Secret(?:List)?\b|["'`]Secret["'`]""")
# Functions of templates whose result differs from one rendering to the next.
_RANDOM = re.compile(
    rb"\b(?:rand(?:Alpha|AlphaNum|Ascii|Numeric|Bytes|Int)|gen(?:CA|CAWithKey|PrivateKey|SelfSignedCert|SignedCert)\w*"
    rb"|uuidv4|htpasswd|bcrypt|encryptAES|now|shuffle)\b"
)
# What a template learns only from the cluster or from the release's history, and hooks, which Helm tells apart.
_ASKS = re.compile(rb"\blookup\b|[.\"'`]Capabilities\b|\bRelease\.(?:Is|Rev)|helm\.sh/hook")
_LARGEST = 64 << 20  # bytes of one file; what is larger is taken to make Secrets
_DEPTH = 5  # of archives in archives


def may_make_secrets(chart: str, values: Mapping[str, Any]) -> bool:
    """False only if no template, no subchart and none of the values speaks of a Secret; True for a chart that is not
    on this machine.
    """
    return not is_local(chart) or bool(_SECRET.search(canonical(values))) or _in_chart(chart, _SECRET)


def _in_chart(chart: str, pattern: re.Pattern[bytes]) -> bool:
    path = Path(chart)
    try:
        texts = chart_files(path) if path.is_dir() else [(path.name, path.read_bytes())]
        return any(_speaks(pattern, name, content, 0) for name, content in texts)
    except (OSError, tarfile.TarError, EOFError, TodoCloudError):
        return True  # Helm says what is wrong with it


def may_be_random(chart: str) -> bool:
    """False only if the chart is on this machine and no template of it draws anything at random, or asks the time."""
    return not is_local(chart) or _in_chart(chart, _RANDOM)


def may_ask_the_cluster(chart: str, values: Mapping[str, Any]) -> bool:
    """False only if the chart is on this machine, renders the same without a cluster, and has no hooks."""
    return not is_local(chart) or bool(_ASKS.search(canonical(values))) or _in_chart(chart, _ASKS)


def may_have_crds(chart: str) -> bool:
    """False only for a folder on this machine without folders ``crds`` and packed subcharts."""
    path = Path(chart)
    return not path.is_dir() or any(
        "crds" in file.relative_to(path).parts or file.suffix == ".tgz" for file in files_below(path)
    )


def archive_may_make_secrets(archive: bytes, values: Mapping[str, Any]) -> bool:
    """The same for a packed chart."""
    try:
        return bool(_SECRET.search(canonical(values))) or _speaks(_SECRET, "chart.tgz", archive, 0)
    except (OSError, tarfile.TarError, EOFError):
        return True


def _speaks(pattern: re.Pattern[bytes], name: str, content: bytes, depth: int) -> bool:
    if not name.endswith((".tgz", ".tar.gz")):
        return bool(pattern.search(content))
    return depth > _DEPTH or any(_speaks(pattern, inner, text, depth + 1) for inner, text in _members(content))


def _members(archive: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            if member.size > _LARGEST:
                raise tarfile.TarError(f"{member.name} has {member.size} bytes")
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name, file.read()
