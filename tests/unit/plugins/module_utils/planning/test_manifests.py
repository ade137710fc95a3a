"""Raw manifests become values of a chart that renders them as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.planning.manifests import is_secret_path, manifest_values
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import ReleaseSpec
from ansible_collections.todo.cloud.plugins.module_utils.records.secret_values import leaves

from tests.unit.ansible_runs import TOP


def item(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **more}


FLAGS = item("ConfigMap", "flags", data={"A": "{{ x }}"})
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"}, "spec": {"group": "example.com", "names": {"kind": "Widget"}},
}  # fmt: skip


def written(folder: Path, **files: Any) -> list[str]:
    for name, content in files.items():
        text = content if isinstance(content, str) else yaml.safe_dump_all(content)
        (folder / f"{name}.yaml").write_text(text)
    return [str(folder)]


def refusal(folder: Path, **files: Any) -> str:
    with pytest.raises(TodoCloudError) as caught:
        manifest_values(written(folder, **files), "web")
    return caught.value.failure.message


def test_documents_lists_and_folders(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/x.yaml").write_text("a: 1")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/c.yml").write_text(yaml.safe_dump(item("List", "x", items=[item("Service", "web")])))
    values = manifest_values(written(tmp_path, a=[FLAGS, None]), "web")
    assert {key: json.loads(text) for key, text in values["objects"].items()} == {
        "ConfigMap/flags": FLAGS, "Service/web": item("Service", "web"),
    }  # fmt: skip
    assert "secrets" not in values


def test_what_was_taken_out_of_a_cluster_can_be_made_anew(tmp_path: Path) -> None:
    name = {"name": "flags", "creationTimestamp": None}
    exported = {**FLAGS, "metadata": {**name, "uid": "a-b", "resourceVersion": "7", "managedFields": []}}
    values = manifest_values(written(tmp_path, a=[exported]), "web")
    assert json.loads(values["objects"]["ConfigMap/flags"]) == {**FLAGS, "metadata": name}


def test_files_and_globs_count_once(tmp_path: Path) -> None:
    written(tmp_path, a=[FLAGS], b=[item("Service", "web")])
    values = manifest_values([f"{tmp_path}/a.yaml", f"{tmp_path}/*.yaml"], "web")
    assert list(values["objects"]) == ["ConfigMap/flags", "Service/web"]


def test_the_same_content_is_the_same_whatever_the_files(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = manifest_values(written(tmp_path / "one", a=[FLAGS, item("Service", "web")]), "web")
    two = manifest_values(written(tmp_path / "two", z=[item("Service", "web")], y=[FLAGS]), "web")
    assert one == two


def test_what_secrets_hold_stands_apart(tmp_path: Path) -> None:
    secret = item("Secret", "app", stringData={"k": "s3cret"}, data={"d": "czNjcmV0"}, type="Opaque")
    secret["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "s3cret"}
    values = manifest_values(written(tmp_path, a=[secret, FLAGS]), "web")
    assert "s3cret" not in str(values["objects"]) + values["secrets"]["Secret/app"]["object"]
    assert [path for path in leaves(values) if is_secret_path(path)] == [
        ("secrets", "Secret/app", "data", "d"), ("secrets", "Secret/app", "stringData", "k"),
    ] or [path[-1] for path in leaves(values) if is_secret_path(path)] == ["k", "d"]  # fmt: skip


def test_keys_tell_groups_and_namespaces_apart(tmp_path: Path) -> None:
    other = {**item("Service", "web"), "apiVersion": "serving.knative.dev/v1"}
    far = item("Service", "web")
    far["metadata"] = {"name": "web", "namespace": "far"}
    values = manifest_values(written(tmp_path, a=[item("Service", "web"), other, far]), "web")
    assert sorted(values["objects"]) == ["Service/far/web", "Service/web", "serving.knative.dev/Service/web"]


@pytest.mark.parametrize(("content", "words"), [
    ("a: [", "a.yaml is not valid YAML: line 2"),
    ("- 1", "a.yaml, document 1 is no object of Kubernetes but a list"),
    ("text", "a.yaml, document 1 is no object of Kubernetes but text"),
    ("a: 1", "a.yaml, document 1 has no apiVersion"),
    ("apiVersion: v1", "a.yaml, document 1 has no kind"),
    ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: x}", "a 'Pod' has no metadata.name"),
    ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nmetadata: {name: b}", "has 'metadata' twice in one place"),
    ("apiVersion: v1\nkind: Pod\nmetadata: {name: n}", "metadata.name of a 'Pod' is false, not text: put it in quotes"),
    ([FLAGS, FLAGS], "'ConfigMap/flags' is in a.yaml and in a.yaml; keep one of them"),
    ([item("Namespace", "shop")], "Namespace 'shop': a release does not bring its namespace; take it out"),
    ([CRD, {**item("Widget", "w"), "apiVersion": "example.com/v1"}], "make two entries, the CRDs and the rest"),
    ("{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: 5}}", "metadata.namespace of 'a' is not text"),
    ([{**item("Job", "j"), "metadata": {"name": "j", "annotations": {"helm.sh/hook": "pre-instal"}}}],
     "a.yaml, document 1: helm.sh/hook of Job 'j' is 'pre-instal', which Helm does not know"),
    ([item("List", "l", items=[{**FLAGS, "metadata": {"name": "f", "annotations": {"helm.sh/hook": None}}}])],
     "helm.sh/hook of ConfigMap 'f' is ''"),
    ([item("Secret", "s", data={"a": 1})], "data of Secret 's' holds something else than text"),
])  # fmt: skip
def test_what_is_wrong_is_one_sentence(tmp_path: Path, content: Any, words: str) -> None:
    message = refusal(tmp_path, a=content)
    assert message.startswith("web: ")
    assert words in message
    assert message.endswith(".")


def test_hooks_that_helm_knows_are_manifests_too(tmp_path: Path) -> None:
    hook = {"name": "j", "annotations": {"helm.sh/hook": "Pre-Install, post-upgrade"}}
    assert list(manifest_values(written(tmp_path, a=[{**item("Job", "j"), "metadata": hook}]), "web")["objects"])


def test_paths_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(TodoCloudError, match="there is no manifest at /no/folder; correct its path"):
        manifest_values(["/no/folder"], "web")
    assert "kubectl kustomize" in refusal(tmp_path, kustomization="resources: []")


def test_a_release_of_manifests(tmp_path: Path) -> None:
    raw = {"name": "web", "namespace": "shop", "chart": str(TOP / "charts/manifests"),
           "manifests": written(tmp_path, a=[FLAGS])}  # fmt: skip
    spec = ReleaseSpec.parse(raw)
    assert spec.raw
    assert list(spec.values) == ["objects"]
    written(tmp_path, a=[{**FLAGS, "data": {"A": "2"}}])
    assert ReleaseSpec.parse(raw).inputs != spec.inputs
    with pytest.raises(TodoCloudError, match="manifests is a list of files and folders"):
        ReleaseSpec.parse({**raw, "manifests": "k8s"})


def test_a_definition_that_is_damaged_is_the_api_servers_to_refuse(tmp_path: Path) -> None:
    damaged = {**CRD, "spec": {"group": "example.com", "names": "Widget"}}
    assert len(manifest_values(written(tmp_path, a=[damaged]), "web")["objects"]) == 1
