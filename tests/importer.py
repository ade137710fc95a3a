# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``python3 -m tests.importer``: builds the collection and imports it as Galaxy does; a warning fails.

ansible-lint runs beside the importer, as the importer would call it, which gives it three minutes only. Its
ansible-test (a container) is left out: tests/sanity.py and tests/cores.py run that.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cluster.paths import TOP
from tests.support.checkout import built, unpacked
from tests.support.environments import bring_collections, programs

REQUIREMENTS = TOP / "tests/importer.txt"
SETTINGS = """[galaxy-importer]
check_required_tags = true
run_ansible_lint = false
"""
LINT = (  # as galaxy_importer/loaders/collection.py has it
    "ansible-lint", "--profile", "production", "--format=pep8", "--nocolor", "--offline",
    "--exclude", "tests/integration/", "--exclude", "tests/unit/",
    "-x", "yaml,var-naming,avoid-dot-notation,import-task-no-when,single-entry-point,use-loop",
)  # fmt: skip


def main() -> int:
    """Zero if neither finds anything."""
    tools = programs("galaxy-importer", REQUIREMENTS.read_text())
    bring_collections(tools)
    with tempfile.TemporaryDirectory(prefix="importer-") as folder:
        settings = Path(folder) / "galaxy-importer.cfg"
        settings.write_text(SETTINGS)
        artifact = built(Path(folder))
        collection = unpacked(artifact, Path(folder))
        environ = {
            **os.environ,
            "PATH": f"{tools}:{os.environ['PATH']}",
            "GALAXY_IMPORTER_CONFIG": str(settings),
            "ANSIBLE_COLLECTIONS_PATH": folder,
            "XDG_CACHE_HOME": f"{folder}/cache",
        }
        importer = [str(tools / "python"), "-m", "galaxy_importer.main", str(artifact)]
        codes = [_run(importer, Path(folder), environ), _run(LINT, collection, environ)]
    if not any(codes):
        print(f"galaxy-importer, ansible-lint: {artifact.name} without a warning")
    return max(codes)


def _run(argv: Sequence[str], folder: Path, environ: Mapping[str, str]) -> int:
    """Zero if it ends well and warns of nothing; what it says is shown otherwise."""
    done = subprocess.run(
        argv, cwd=folder, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode or re.search(r"^(?:WARNING|ERROR|CRITICAL):", done.stdout, re.MULTILINE):
        print(done.stdout)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
