"""Files of raw manifests and of values: each object reaches the API server as it was written, or not at all."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.values import check_values, with_files
from ansible_collections.todo.cloud.plugins.module_utils.planning.manifests import manifest_values
from ansible_collections.todo.cloud.plugins.module_utils.yaml_reader import read_documents

from tests.fuzz.frame import Target

OBJECTS: list[Any] = [
    {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "ns"},
        "data": {"x": "{{ 1 }}\u2028"},
    },
    {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "annotations": {"x": "y"}},
        "stringData": {"k": "v"},
    },
    {
        "apiVersion": "v1", "kind": "List",
        "items": [{"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "t"}}],
    },
    {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "b.c"},
        "spec": {"group": "c", "names": {"kind": "B"}},
    },
]  # fmt: skip
TEXT = "\n---\n".join(json.dumps(each) for each in OBJECTS)
SEEDS = (OBJECTS, TEXT, yaml.safe_dump_all(OBJECTS), "a: &x {b: [1, 2]}\nc: *x\nd: {<<: *x}\n", TEXT.encode())


def attempt(given: Any) -> None:
    match given:
        case bytes():
            content = given
        case str():
            content = given.encode(errors="surrogatepass")
        case list():
            content = "\n---\n".join(json.dumps(each) for each in given).encode()
        case _:
            return
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.yaml").write_bytes(content)
        _values(folder)
        if b"kind" not in content:
            return
        values = manifest_values([folder], "web")
        check_values(values)
        for text in (*values["objects"].values(), *(each["object"] for each in values.get("secrets", {}).values())):
            assert "\n" not in text
            assert list(read_documents(text)) == [json.loads(text)], "another object"


def _values(folder: str) -> None:
    said = ""
    try:
        check_values(with_files({"a": 1}, [f"{folder}/a.yaml"]))
    except TodoCloudError as exc:
        said = exc.failure.message
    assert not said or said.isprintable()


TARGET = Target("manifests", SEEDS, attempt)
