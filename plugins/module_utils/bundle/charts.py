# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Charts of a bundle become files again, for Helm: as the folder or archive that the release set was verified with.

Nothing of an archive is written but plain files below its own folder, and what was written has the digest by which the
release set knows the chart.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
from pathlib import Path, PurePosixPath

from ..digest import chart_digest, digest_of
from ..failure import TodoCloudError
from ..parsing import quoted, unpack_gzip
from .contents import damaged, refused

_MOST_FILES = 5000
_LONGEST = 1000  # letters of a path
_PART = re.compile(r"[^/\\\x00-\x1f\x7f]{1,200}")


def unpacked(archive: bytes, digest: str, folder: Path) -> str:
    """Path of the chart. ``digest``: of the release set; empty for a chart that was pulled from elsewhere, which stays
    an archive. Raises bundle_damaged, bundle_refused; OSError.
    """
    if not digest or digest_of(b"archive", archive) == digest:
        file = folder / f"{digest_of(archive)}.tgz"
        file.write_bytes(archive)
        return str(file)
    place = folder / digest_of(digest.encode())
    top = _write(archive, place)
    try:
        found = chart_digest(str(top), None)
    except TodoCloudError as exc:
        raise damaged(f"a chart cannot be read: {exc.failure.message.rstrip('.')}") from exc
    if found != digest:
        raise damaged(f"the chart {top.name} is not the one that the release set names")
    return str(top)


def _write(archive: bytes, place: Path) -> Path:
    """The chart's folder."""
    tops: set[str] = set()
    try:
        with tarfile.open(fileobj=io.BytesIO(unpack_gzip(archive)), mode="r:") as tar:
            for count, member in enumerate(tar):
                path = _path(member.name)
                plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()  # no holes
                if not plain or path is None or count >= _MOST_FILES:
                    raise refused(f"a chart holds {quoted(member.name)}, which no chart has")
                content = tar.extractfile(member)
                file = place / path
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as written:
                    written.write(content.read() if content else b"")
                tops.add(path.parts[0])
    except (tarfile.TarError, ValueError) as exc:  # Malformed, too
        raise damaged(f"a chart is no archive: {exc}") from exc
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as exc:
        raise refused("a chart holds a file twice") from exc
    if len(tops) != 1:
        raise refused("a chart is not one folder")
    return place / tops.pop()


def _path(name: str) -> PurePosixPath | None:
    """A path below its own folder; None for any other."""
    parts = name.split("/")
    short = len(name) <= _LONGEST and all(len(os.fsencode(part)) <= 255 for part in parts)
    fitting = len(parts) > 1 and all(_PART.fullmatch(part) and part not in (".", "..") for part in parts) and short
    return PurePosixPath(name) if fitting else None
