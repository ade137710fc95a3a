# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``python3 -m tests.site FOLDER`` builds the site there and checks its links; with ``--look`` a browser opens it."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cluster import machine
from tests.site.links import broken
from tests.support.checkout import built, unpacked
from tests.support.environments import bring_collections, programs

TOP = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


def build(site: Path, tools: Path) -> None:
    """The pages of docs as they are, and one of each module, plugin and role; a warning is an error."""
    bring_collections(tools)  # options of modules are those of kubernetes.core
    environ = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory(prefix="site-") as folder:
        collection = unpacked(built(Path(folder)), Path(folder))
        environ["ANSIBLE_COLLECTIONS_PATH"] = folder
        pages = Path(folder) / "docs"
        shutil.copytree(TOP / "docs", pages, ignore=shutil.ignore_patterns("schemas"))
        (pages / "collections").mkdir()
        lint = ["--plugin-docs", "--validate-collection-refs", "self"]
        antsibull = ["collection", "--use-current", "--squash-hierarchy", "--fail-on-error", "--dest-dir"]
        for argv in (
            ["antsibull-docs", "lint-collection-docs", *lint, str(collection)],
            ["antsibull-docs", *antsibull, str(pages / "collections"), "todo.cloud"],
            ["sphinx-build", "--quiet", "-W", "--keep-going", "-c", str(HERE), str(pages), str(site)],
        ):
            subprocess.run([str(tools / argv[0]), *argv[1:]], env=environ, check=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.site", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--look", action="store_true")
    given = parser.parse_args()
    tools = programs("site", (HERE / "requirements.txt").read_text())
    try:
        shutil.rmtree(given.folder, ignore_errors=True)
        build(given.folder, tools)
        if found := list(broken(given.folder)):
            print("\n".join(found), file=sys.stderr)
            return 1
        if given.look:
            machine.ready_to_build((machine.Tool("chromium", "chromium"),))
            subprocess.run([str(tools / "python"), str(HERE / "browser.py"), str(given.folder)], check=True)
    except subprocess.CalledProcessError as exc:
        return exc.returncode
    print(f"the documentation is in {given.folder / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
