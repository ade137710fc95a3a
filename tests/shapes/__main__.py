"""``python3 -m tests.shapes [NAME...]``: deploy the twelve shapes, break each and take it back; a table.

On the cluster that TODO_CLOUD_TEST_KUBECONFIG names (``make shapes`` starts one). PLAYWRIGHT: a Python that has it;
the Next.js page is then opened in Chromium.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import NAMESPACE
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.cluster.errors import ClusterError
from tests.shapes.images import build_images
from tests.shapes.world import Shapes, table


def main(names: Sequence[str]) -> int:
    """Deploy all, then the life of each; 1 when one of them does not go as it should."""
    kubeconfig = os.environ["TODO_CLOUD_TEST_KUBECONFIG"]
    build_images(web=True)
    with KubeSession.from_params({"kubeconfig": kubeconfig}) as kube:
        shapes = Shapes(kube, kubeconfig, "shapes", platform=kube.find(NAMESPACE, "", "dapr-system") is None)
        shapes.prepare()
        print(f"site.yml: {len(shapes.releases)} releases and Dapr verified after {shapes.deploy():.0f} s", flush=True)
        shapes.check_answers()
        print("the API, the basket (state in Redis, called by its cron) and the page's cache answer", flush=True)
        _look(shapes.address("web"))
        rows, wrong = [], []
        for name in names or [name for name in shapes.releases if name != "dapr-components"]:
            try:
                rows.append(shapes.life(name, shapes.install(name)))
            except ClusterError as exc:
                wrong.append(str(exc))
        print("\n".join([*table(rows), *wrong]))
        again = shapes.deploy("site.yml", "--check")
        print(f"site.yml --check afterwards: {again:.0f} s")
    return 1 if wrong else 0


def _look(address: str) -> None:
    """The page in a browser: its text, and that its script runs."""
    program = os.environ.get("PLAYWRIGHT", "")
    if not program:
        print("the page was not opened in a browser: PLAYWRIGHT names no Python")
        return
    began = time.monotonic()
    browser = Path(__file__).with_name("browser.py")
    done = subprocess.run([program, str(browser), address], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        raise ClusterError(f"the page in Chromium: {(done.stdout + done.stderr)[-1500:]}")
    print(f"{done.stdout.strip()} ({time.monotonic() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ClusterError as error:
        sys.exit(f"error: {error}")
