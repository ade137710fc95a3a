# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Raw manifests as a release: what kubectl applied is taken over without a restart, changed, and taken back."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, DEPLOYMENT

from tests.cluster.paths import BIN, TOP
from tests.integration.releases.world import World, both_helms
from tests.integration.support import BUSYBOX, eventually

ODD = "{{ .Values.x }} {{ fail }}"


def manifests(folder: Path, word: str = "one", image: str = BUSYBOX) -> None:
    """A folder as a team has it: several documents, a List, a Secret."""
    labels = {"app": "web"}
    template = {
        "metadata": {"labels": {**labels, "app.kubernetes.io/instance": "web"}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "web", "image": image, "command": ["sleep", "3600"],
                            "env": [{"name": "WORD", "value": word}]}],
        },
    }  # fmt: skip
    workload = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }  # fmt: skip
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "odd"}, "data": {"text": ODD}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app"}, "stringData": {"k": f"canary-{word}"}}
    folder.mkdir(exist_ok=True)
    (folder / "web.yaml").write_text(
        yaml.safe_dump_all([workload, {"apiVersion": "v1", "kind": "List", "items": [config]}])
    )
    (folder / "secret.yaml").write_text(yaml.safe_dump(secret))


def release(world: World, folder: Path) -> dict[str, Any]:
    return {
        "name": "web",
        "namespace": world.namespace,
        "chart": str(TOP / "charts/manifests"),
        "manifests": [str(folder)],
    }


@both_helms
def test_what_kubectl_applied_is_a_release_like_others(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "k8s"
    manifests(folder)
    kubectl = [str(BIN / "kubectl"), "--kubeconfig", world.kubeconfig, "--namespace", world.namespace]
    subprocess.run([*kubectl, "apply", "-f", str(folder)], check=True, capture_output=True, timeout=600)
    eventually(
        "web runs",
        lambda: (world.kube.get(DEPLOYMENT, world.namespace, "web").get("status") or {}).get("readyReplicas"),
    )
    pods = world.pods("web").keys()

    plan = world.apply(release(world, folder), check=True, diff=True).ok()
    assert plan.actions == {"web": "install"}
    assert "canary" not in str(plan.result) + "".join(plan.lines)
    world.apply(release(world, folder)).ok()
    assert world.pods("web").keys() == pods, "nothing was restarted"
    assert world.kube.get(CONFIG_MAP, world.namespace, "odd")["data"] == {"text": ODD}
    assert "canary" not in str(world.kube.list_(CONFIG_MAP, world.namespace)), "records hold no secret"
    assert world.apply(release(world, folder)).ok().actions == {"web": "unchanged"}

    manifests(folder, "two")
    changed = world.apply(release(world, folder)).ok()
    assert changed.actions == {"web": "upgrade"}
    assert world.pods("web").keys() != pods

    shutil.rmtree(folder)  # what was verified needs no files
    world.back("1").ok()
    found = world.kube.get(DEPLOYMENT, world.namespace, "web")["spec"]["template"]["spec"]["containers"][0]
    assert found["env"] == [{"name": "WORD", "value": "one"}]


def test_a_broken_change_goes_back_by_itself(world: World, tmp_path: Path) -> None:
    manifests(tmp_path)
    world.apply(release(world, tmp_path)).ok()
    manifests(tmp_path, image=f"{BUSYBOX.rpartition(':')[0]}:no-such-tag")
    failed = world.apply(release(world, tmp_path))
    assert failed.code in ("image_pull", "preflight_failed"), failed.message
    found = world.kube.get(DEPLOYMENT, world.namespace, "web")["spec"]["template"]["spec"]["containers"][0]
    assert found["image"] == BUSYBOX


def test_objects_of_another_namespace_are_refused(world: World, tmp_path: Path) -> None:
    far = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "default"}}
    (tmp_path / "far.yaml").write_text(yaml.safe_dump(far))
    refused = world.apply(release(world, tmp_path))
    assert refused.code == "foreign_object"
    assert "is in namespace 'default'" in refused.message
