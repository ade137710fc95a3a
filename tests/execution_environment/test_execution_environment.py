"""The example of an execution environment is built, and deploys the app as AWX would: from the image, with an inventory
that is mounted.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.paths import cache
from tests.e2e.conftest import TOP, Cluster
from tests.execution_environment.image import IMAGE, build, run


@pytest.fixture(scope="session")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    began = time.monotonic()
    build(tmp_path_factory.mktemp("context"))
    print(f"\nthe image is built in {time.monotonic() - began:.0f} s")
    name = run("buildah", "from", IMAGE).strip()
    yield name
    run("buildah", "rm", name)


def test_it_deploys_the_app(cluster: Cluster, container: str) -> None:
    def playbook(name: str, *more: str) -> str:
        mounts = (TOP, cache())
        settings = {"TODO_CLOUD_CLUSTER": cluster.name, "KUBECONFIG": cluster.kubeconfig, "HOME": str(Path.home())}
        options = [f"--volume={each}:{each}:ro" for each in mounts]
        options += [f"--env={key}={text}" for key, text in settings.items()]
        return run(
            "buildah", "run", "--user", "root", "--isolation", "chroot", "--network", "host", *options, container, "--",
            "ansible-playbook", f"todo.cloud.{name}", "-i", str(TOP / "inventories/local"), *more,
        )  # fmt: skip

    said = playbook("site")
    assert re.search(r"failed=0", said)
    assert cluster.image_of("backend-api").endswith(":v1.0.0")
    again = playbook("site")
    assert not re.search(r"changed=[1-9]", again), again[-3000:]
    playbook("services", "-e", "backend_api_version=v1.1.0")
    assert cluster.image_of("backend-api").endswith(":v1.1.0")
    playbook("rollback")
    assert cluster.image_of("backend-api").endswith(":v1.0.0")
