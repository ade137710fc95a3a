"""charts/manifests renders what it is given, and takes nothing in it for a template."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from ansible_collections.todo.cloud.plugins.module_utils.planning.manifests import manifest_values
from ansible_collections.todo.cloud.plugins.module_utils.yaml_reader import read_documents

from tests.unit.charts.rendering import Helm

TEXT = """
apiVersion: v1
kind: ConfigMap
metadata: {name: odd, labels: {on: "yes", n: "012"}}
data:
  template: "{{ .Values.x }} {{- fail \\"no\\" }} $(A) <b>&amp;</b>"
  lines: "a\\n---\\nb: {c\\n# d"
---
apiVersion: example.com/v1
kind: Widget
metadata: {name: w}
spec: {big: 12345678901, float: 1.5, zero: 0, none: null, "off": false, list: [1, "1", 1e3]}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
immutable: true
data: {a: e3sgfX0=}
stringData: {b: "{{ x }} <&>"}
"""
PLAIN = """
apiVersion: v1
kind: Secret
metadata: {name: s}
data: {a: b2xk, c: Yw==}
stringData: {a: new, b: "k\u00e9"}
"""


def test_objects_come_through_as_they_are(helm: Helm, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(TEXT)
    made = helm.render("manifests", manifest_values([str(tmp_path)], "web"), "web", "shop")
    config, widget, secret = read_documents(TEXT)
    secret["data"]["b"] = base64.b64encode(secret.pop("stringData")["b"].encode()).decode()
    assert sorted(made, key=lambda one: str(one["kind"])) == [config, secret, widget]


def test_a_secret_s_text_is_written_as_data_so_that_keys_can_go(helm: Helm, tmp_path: Path) -> None:
    """What stringData no longer has stays in the Secret (kubernetes/kubernetes#108008)."""
    (tmp_path / "s.yaml").write_text(PLAIN)
    (made,) = helm.render("manifests", manifest_values([str(tmp_path)], "web"), "web", "shop")
    assert made["data"] == {"a": "bmV3", "b": "a8Op", "c": "Yw=="}
    assert "stringData" not in made


def test_characters_that_yaml_folds_or_refuses_come_through(helm: Helm, tmp_path: Path) -> None:
    """Line separators within text, control characters, what is no character."""
    odd = "a\x85b\u2028c\u2029d\x7fe\x9bf\ufeffg"
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"key": odd, f"k{odd}": "v"}}
    (tmp_path / "all.json").write_text(json.dumps(item))
    assert helm.render("manifests", manifest_values([str(tmp_path)], "web"), "web", "shop") == [item]


def test_nothing_is_nothing(helm: Helm) -> None:
    assert helm.render("manifests", {}, "web", "shop") == []
