# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``python3 -m tests.release v1.2.3``: does a tag fit what it names? Then the collection is built, in this folder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests import interface

TOP = Path(__file__).resolve().parents[1]
VERSION = re.compile(r"v(\d+\.\d+\.\d+(?:-rc\.\d+)?)")


def problems(top: Path, tag: str) -> list[str]:
    """Why this commit is not that release; empty if it is."""
    if not (found := VERSION.fullmatch(tag)):
        return [f"{tag} is no version: name it such as v1.2.3"]
    version = found[1]
    named = _read(top / "galaxy.yml")["version"]
    released = _read(top / "changelogs/changelog.yaml").get("releases") or {}
    left = sorted(path.name for path in (top / "changelogs/fragments").glob("*.y*ml"))
    wrong = [] if named == version else [f"galaxy.yml says {named}, the tag says {version}"]
    if version not in released:
        wrong.append(f"changelogs/changelog.yaml has no release {version}: antsibull-changelog release")
    if left:
        wrong.append(f"{len(left)} changelog fragments belong to no release, among them {left[0]}")
    recorded = _read(top / "tests/interface.json").get("version")
    if recorded != version:
        wrong.append(f"tests/interface.json has the public names of {recorded}: make interface")
    return [*wrong, *_charts(top, tag)]


def _charts(top: Path, tag: str) -> list[str]:
    """Charts whose content is another than in the last release, under the same version."""
    before = _git(top, "describe", "--tags", "--abbrev=0", "--match", "v*", "--exclude", tag, "HEAD")
    wrong = []
    for path in sorted((top / "charts").glob("*/Chart.yaml")) if before else ():
        folder = path.parent.relative_to(top)
        was = yaml.safe_load(_git(top, "show", f"{before}:{folder}/Chart.yaml") or "{}")
        version = _read(path)["version"]
        if was.get("version") == version and _git(top, "diff", "--name-only", before, "HEAD", "--", str(folder)):
            wrong.append(f"{folder} is another than in {before}, but its version is still {version}")
    return wrong


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text()) or {}


def _git(top: Path, *arguments: str) -> str:
    """What it prints; empty where it fails: there is no release yet, or no such chart in it."""
    return subprocess.run(["git", *arguments], cwd=top, capture_output=True, text=True, check=False).stdout.strip()


def main(tag: str) -> int:
    """Zero if the collection was built."""
    wrong = problems(TOP, tag)
    if not wrong and interface.RECORD.read_text() != interface.text():
        wrong = ["tests/interface.json does not have all public names: make interface"]
    if wrong:
        print("\n".join(f"error: {each}" for each in wrong), file=sys.stderr)
        return 1
    return subprocess.run(["ansible-galaxy", "collection", "build", "--force"], cwd=TOP, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) == 2 else ""))
