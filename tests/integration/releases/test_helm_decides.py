# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What only Helm and the API server decide: values on their way, hooks, APIs that are gone, what an uninstall keeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import decode, encode, secret_name
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, JOB, SECRET
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.integration.support import ModuleRun
from tests.support.patience import patience

Module = Callable[..., ModuleRun]
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
VALUES = (
    CONFIG
    + """\
data:
  json: {{ toJson .Values | quote }}
  big: {{ .Values.big | quote }}
  number: {{ .Values.number | quote }}
"""
)
HOOK = """\
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {helm.sh/hook: pre-install}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: migrate, image: "ghcr.io/nobody/none:1"}]
"""
KEPT = CONFIG.replace("{name: x}", "{name: x, annotations: {helm.sh/resource-policy: keep}}")
BUDGET = (
    "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {selector: {matchLabels: {a: b}}}\n"
)


@pytest.fixture
def release(tmp_path: Path, module: Module, namespace: str) -> Callable[..., ModuleRun]:
    """Runs helm_release with a chart of these templates."""

    def run(*templates: str, **params: Any) -> ModuleRun:
        chart = tmp_path / "chart"
        (chart / "templates").mkdir(parents=True, exist_ok=True)
        (chart / "Chart.yaml").write_text("apiVersion: v2\nname: odd\nversion: 0.1.0\n")
        for number, text in enumerate(templates):
            (chart / f"templates/{number}.yaml").write_text(text)
        given = {"name": "odd", "namespace": namespace, "chart": str(chart), "timeout": round(patience(60)), **params}
        return module("helm_release", given)

    return run


def test_values_arrive_as_they_are(
    release: Callable[..., ModuleRun], kube: KubeSession, namespace: str, tmp_path: Path
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("number: 12345678\nmap: {8080: y}\n")
    values = {"big": 9007199254740993, "list": [{"a.b": 1234567}], "text": "fertig 🎉", "dict": {"8080": "x"}}
    assert not release(VALUES, values=values, files=[str(file)]).failed
    data = kube.get(CONFIG_MAP, namespace, "x")["data"]
    assert json.loads(data["json"]) == {**values, "number": 12345678, "map": {"8080": True}}
    assert (data["big"], data["number"]) == ("9007199254740993", "1.2345678e+07")  # the second as helm -f has it


def test_a_hook_without_its_image_is_told_in_seconds_and_removed(
    release: Callable[..., ModuleRun], kube: KubeSession, namespace: str
) -> None:
    done = release(CONFIG, HOOK, graces={"image_pull_final": 1})
    assert done.code == "image_pull", done.result["msg"]
    assert "hook Job migrate: image ghcr.io/nobody/none:1" in done.result["msg"]
    assert kube.find(JOB, namespace, "migrate") is None


def test_a_manifest_with_an_api_that_is_gone_and_an_object_that_is_kept(
    release: Callable[..., ModuleRun], kube: KubeSession, namespace: str
) -> None:
    assert not release(KEPT, BUDGET).failed
    name = secret_name("odd", 1)
    stored = decode(kube.get(SECRET, namespace, name)["data"]["release"])
    stored["manifest"] = stored["manifest"].replace("policy/v1", "policy/v1beta1")
    kube.patch(SECRET, namespace, name, {"data": {"release": encode(stored)}})
    changed = release(KEPT, BUDGET + "# changed\n")
    assert not changed.failed, changed.result
    gone = release(state="absent")
    assert not gone.failed, gone.result
    assert kube.find(CONFIG_MAP, namespace, "x") is not None
    assert kube.list_(SECRET, namespace, label_selector="owner=helm")[0] == []
