# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Digests of a release's inputs: 40 hex digits of SHA-256, since label values have at most 63 characters."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import os
import re
import tarfile
from collections.abc import Iterator, Mapping
from gzip import GzipFile
from pathlib import Path
from typing import Any

from .chart_ignore import ignored
from .failure import Code, error
from .files import content_of, files_below

_LENGTH = 40
_EXACT = re.compile(r"v?\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)


def digest_of(*parts: bytes) -> str:
    """40 hex digits over the parts, including their boundaries."""
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "big"))
        total.update(part)
    return total.hexdigest()[:_LENGTH]


def keyed_digest(key: bytes, *parts: bytes) -> str:
    """The same by HMAC-SHA-256: without the key nobody can try what the parts may be."""
    total = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        total.update(len(part).to_bytes(8, "big"))
        total.update(part)
    return total.hexdigest()[:_LENGTH]


def canonical(data: Any) -> bytes:
    """The same bytes for equal data, independent of the order of keys."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def is_local(chart: str) -> bool:
    """Whether it is a folder or an archive on this machine; anything else is a reference that Helm pulls."""
    return os.path.isabs(chart) or chart.startswith(("./", "../")) or os.path.exists(chart)


def chart_digest(chart: str, version: str | None) -> str:
    """Digest of a chart: a folder's file names and contents, an archive's bytes, or a reference and its version (which
    the URL of a ``.tgz`` contains).

    The version in Chart.yaml alone does not matter: a changed template under the same version is a change.
    """
    if not is_local(chart):
        if not version and "@sha256:" not in chart and not chart.endswith(".tgz"):
            raise error(Code.INVALID_INPUT, _not_here(chart), chart=chart)
        if version and not _EXACT.fullmatch(version):
            raise error(
                Code.INVALID_INPUT,
                f"The chart_version {version!r} of {chart!r} is not an exact version: a new chart in a range would not "
                f"be noticed. `helm show chart {chart} --version {version!r}` prints the newest one.",
                chart=chart,
            )
        return digest_of(b"reference", chart.encode(), (version or "").encode())
    path = Path(chart)
    if path.is_dir():
        return digest_of(*(part for name, content in chart_files(path) for part in (name.encode(), content)))
    try:
        return digest_of(b"archive", path.read_bytes())
    except OSError as exc:
        where = os.path.abspath(chart)
        relative = "" if os.path.isabs(chart) else f" ({chart!r} begins in the playbook's folder)"
        message = f"There is no chart at {where}: {exc.strerror}{relative}. Correct its path."
        raise error(Code.CHART_INVALID, message, chart=chart) from exc


def _not_here(chart: str) -> str:
    """A reference without a version, which may also be a path with a mistake in it."""
    if "://" in chart:
        return f"The chart {chart!r} is not on this machine: set its exact chart_version too."
    return (
        f"The chart {chart!r} is not on this machine: there is no {os.path.abspath(chart)} (a relative path begins in "
        "the playbook's folder). Correct the path; for a chart of a repository set its exact chart_version too."
    )


def chart_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Files of a chart's folder that Helm takes, sorted, with their relative paths; see chart_ignore.py.

    Raises chart_invalid, and invalid_input for what files.py refuses.
    """
    if not (folder / "Chart.yaml").is_file():
        raise error(Code.CHART_INVALID, f"There is no chart in {folder}: Chart.yaml is missing.", chart=str(folder))
    rules = folder / ".helmignore"
    left_out = ignored(content_of(rules).decode(errors="replace") if rules.is_file() else "")
    for file in files_below(folder):
        name = file.relative_to(folder).as_posix()
        if not left_out(name):
            yield name, content_of(file)


def chart_archive(chart: str) -> bytes:
    """A local chart as a ``.tgz`` for Helm; the same bytes for the same content."""
    path = Path(chart)
    if not path.is_dir():
        return path.read_bytes()
    packed = io.BytesIO()
    with GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as gz, tarfile.open(fileobj=gz, mode="w") as tar:
        for name, content in chart_files(path):
            member = tarfile.TarInfo(f"{path.name}/{name}")
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def input_digest(chart: str, values: Mapping[str, Any], floor: str = "", key: bytes = b"") -> str:
    """Digest of a release's inputs; ``chart`` is the chart's own digest, ``floor`` its rollback_floor.

    ``key``: for values that hold secrets, see records/input_key.py.
    """
    parts = [chart.encode(), canonical(values), *([floor.encode()] if floor else [])]
    return keyed_digest(key, *parts) if key else digest_of(*parts)


def wanted_key(inputs: str, watched: str) -> str:
    """One key for all inputs of a revision; for a stored revision from its labels."""
    return f"{inputs}/{watched or 'none'}"
