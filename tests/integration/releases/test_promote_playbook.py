# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""promote.yml as it is run: one service in two environments, the second one behind a probed public endpoint."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.cluster.paths import BIN
from tests.integration.images import images_of_cluster
from tests.integration.support import TOP, environment

SERVE = "mkdir -p /tmp/www; echo ok | tee /tmp/www/health > /tmp/www/ready; exec httpd -f -p 8080 -h /tmp/www"
COMMIT = "1f3c5a7d9e"


def inventory(folder: Path, kubeconfig: str, name: str, namespace: str, **more: object) -> Path:
    """An environment with the service ``web``, which has no sidecar."""
    web = {
        "service_role": "app_service",
        "app_service_name": "web",
        "app_service_sidecar": False,
        "app_service_role_values": {
            "image": "{{ web_image }}",
            "resources": {"requests": {"cpu": "10m", "memory": "8Mi"}, "limits": {"cpu": "200m", "memory": "32Mi"}},
            "minReadySeconds": 1,
            "preStopSleepSeconds": 10,
        },
    }
    shared = {
        "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "helm_binary": str(BIN / "helm"),
        "cluster_kubeconfig": kubeconfig, "environment_name": name, "environment_namespace": namespace,
        "release_commit": COMMIT, "release_timeout": 180, "release_stability_seconds": 1, **more,
    }  # fmt: skip
    file = folder / f"{name}.yml"
    content = {"all": {"vars": shared, "children": {"core_services": {"hosts": {"web": web}}}}}
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


def test_two_versions_go_to_production(kubeconfig: str, make_namespace: Callable[..., str], tmp_path: Path) -> None:
    staged, produced = (make_namespace(**{"todo.cloud/environment": name}) for name in ("staging", "production"))
    port = 30200 + secrets.randbelow(1500)
    node = json.loads((Path(kubeconfig).parent / "cluster.json").read_text())["node_ip"]

    def play(name: str, where: Path, image: str, *, refused: bool = False) -> str:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ansible-playbook")), f"playbooks/{name}.yml", "-i", str(where),
             "-e", f"web_image={image}"],
            env=environment(kubeconfig), cwd=TOP, text=True, timeout=600, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert (done.returncode != 0) is refused, done.stdout[-4000:]
        return done.stdout

    with images_of_cluster(kubeconfig).kept_while() as images:
        registries = [{"host": "ghcr.io", "endpoint": images.url}]
        staging = inventory(tmp_path, kubeconfig, "staging", staged, release_registries=registries)
        production = inventory(
            tmp_path, kubeconfig, "production", produced, release_registries=registries,
            promote_from={"environment": "staging", "namespace": staged}, environment_url=f"http://{node}:{port}",
            app_service_own_values={"service": {"type": "NodePort", "nodePort": port}},
        )  # fmt: skip
        for build, version in (("sha-1", "v1.0.0"), ("sha-2", "v1.1.0")):
            digest = images.push("web", build, build, SERVE)
            play("services", staging, f"{images.name('web')}:{build}")
            if build == "sha-2":
                said = play("services", production, f"{images.name('web')}:{build}", refused=True)
                assert "images change here only by a promotion from staging, but web would run" in " ".join(
                    said.split()
                )
            output = play("promote", production, f"{images.name('web')}:{version}")
            assert f"{images.name('web')}:{version}@{digest}: tag added" in " ".join(output.split())
            assert images.digest("web", version) == digest
        assert re.search(r"[1-9]\d* requests, 0 failed, longest gap \d+ ms", output), output[-4000:]

        again = play("services", production, f"{images.name('web')}:v1.1.0")
        assert re.search(r"web\s+: ok=\d+\s+changed=0", again), again[-2000:]
