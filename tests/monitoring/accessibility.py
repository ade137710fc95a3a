"""What axe-core (https://github.com/dequelabs/axe-core, MPL-2.0; a tool of the tests alone) finds wrong with a page."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import tarfile
import tempfile
from functools import cache as once
from pathlib import Path

from tests.cluster import machine
from tests.cluster.paths import cache
from tests.edge.browser import Browser

VERSION = "4.14.1"
SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="


@once
def _axe() -> str:
    """Its program, from npm once."""
    file = cache() / f"axe-core-{VERSION}.js"
    if not file.exists():
        machine.ready_to_build([machine.Tool("npm", "npm")])
        with tempfile.TemporaryDirectory(dir=cache()) as folder:
            command = ["npm", "pack", "--silent", f"axe-core@{VERSION}"]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
            (archive,) = Path(folder).glob("*.tgz")
            found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
            assert found == SHA512, f"axe-core {VERSION} is another one: sha512-{found}"
            with tarfile.open(archive) as content:
                member = content.extractfile("package/axe.min.js")
                assert member
                new = Path(folder) / "axe.js"
                new.write_bytes(member.read())
            new.replace(file)
    return file.read_text()


def problems(page: Browser) -> list[str]:
    """Each rule that is broken, with the first element that breaks it."""
    page.ask(_axe())
    found = json.loads(
        page.wait("const done = arguments[0]; axe.run(document).then(r => done(JSON.stringify(r.violations)));")
    )
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]} ({len(each['nodes'])})" for each in found]
