# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``python3 -m tests.importer``: builds the collection and imports it as Galaxy does; a warning fails.

Its ansible-test (a container) is left out: tests/sanity.py runs that.
"""

from __future__ import annotations

import importlib.resources
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cluster.paths import TOP
from tests.support.environments import programs
from tests.unit.test_collection import copy_of_checkout

REQUIREMENTS = TOP / "tests/importer.txt"
SETTINGS = """[galaxy-importer]
check_required_tags = true
"""


def bring_collections(tools: Path) -> None:
    """ansible-doc in there finds the collections that this one depends on."""
    core = Path(str(importlib.resources.files("ansible_collections") / "kubernetes" / "core"))
    [packages] = tools.parent.glob("lib/python*/site-packages")
    (packages / "ansible_collections").unlink(missing_ok=True)
    (packages / "ansible_collections").symlink_to(core.parents[1])


def main() -> int:
    """Zero if the importer finds nothing."""
    tools = programs("galaxy-importer", REQUIREMENTS)
    bring_collections(tools)
    with tempfile.TemporaryDirectory(prefix="importer-") as folder:
        source, settings = Path(folder) / "source", Path(folder) / "galaxy-importer.cfg"
        copy_of_checkout(source)
        settings.write_text(SETTINGS)
        build = ["ansible-galaxy", "collection", "build", "--output-path", folder]
        subprocess.run(build, cwd=source, check=True, stdout=subprocess.DEVNULL)
        [artifact] = Path(folder).glob("*.tar.gz")
        done = subprocess.run(
            [str(tools / "python"), "-m", "galaxy_importer.main", str(artifact)],
            cwd=folder,
            env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "GALAXY_IMPORTER_CONFIG": str(settings)},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    found = re.findall(r"^(?:WARNING|ERROR|CRITICAL).*", done.stdout, re.MULTILINE)
    if done.returncode or found:
        print(done.stdout)
        return 1
    print(f"galaxy-importer: {artifact.name} without a warning")
    return 0


if __name__ == "__main__":
    sys.exit(main())
