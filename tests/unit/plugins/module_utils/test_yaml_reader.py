"""YAML is read as sigs.k8s.io/yaml reads it: tests/fixtures/yaml/main.go made the readings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils import yaml_reader
from ansible_collections.todo.cloud.plugins.module_utils.yaml_reader import YamlError, read_document, read_documents

READINGS = Path(__file__).resolve().parents[3] / "fixtures/yaml/readings.jsonl"


def readings() -> list[dict[str, Any]]:
    return [json.loads(line) for line in READINGS.open()]


def reading(text: str) -> str:
    """JSON, since 1, 1.0 and True are equal in Python."""
    try:
        return json.dumps(read_document(text), sort_keys=True)
    except YamlError:
        return "refused"


def test_every_text_is_read_as_go_reads_it() -> None:
    wanted = {
        one["yaml"]: json.dumps(one["json"], sort_keys=True) if "json" in one else "refused" for one in readings()
    }
    assert len(wanted) > 800
    assert {text: reading(text) for text in wanted} == wanted


def test_without_libyaml_only_tabs_and_the_like_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader")
    read = [one for one in readings() if "json" in one and one["yaml"].isascii() and "\t" not in one["yaml"]]
    assert [
        one["yaml"] for one in read if reading(one["yaml"]) not in (json.dumps(one["json"], sort_keys=True), "refused")
    ] == []


def test_bytes_and_text_are_the_same() -> None:
    assert read_document("k: é 🎉\n".encode()) == {"k": "é 🎉"} == read_document("k: é 🎉\n")


def test_all_documents_of_a_manifest() -> None:
    assert read_documents("---\n# Source: x\na: y\n---\n---\nb: 1e3\n") == ({"a": True}, None, {"b": 1000})


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000], ids=["lists", "maps", "blocks"])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(YamlError, match="nested too deeply"):
        read_document(text)


def test_a_message_names_the_line_and_nothing_of_the_text() -> None:
    for text in (
        "a: 1\npassword: !!int s3cret\n",
        "a: 1\n*s3cret : b\n",
        "a: 1\nb: *s3cret\n",
        "a: 1\n? [s3cret]\n: b\n",
    ):
        with pytest.raises(YamlError, match=r"^line 2: ") as caught:
            read_document(text)
        assert "s3cret" not in str(caught.value)


BOMB = f"a: &a [{'1, ' * 500}1]\nb: &b [{'*a, ' * 50}*a]\nc: [{'*b, ' * 10}*b]\n"  # 280,000 values in 3 KB


@pytest.mark.parametrize("form", ["aliases", "list"])
def test_a_text_has_a_bounded_number_of_values_in_all_of_its_documents(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form == "list":
        monkeypatch.setattr(yaml_reader, "_MOST", 1_000)
    text = "---\n".join([BOMB] * 100) if form == "aliases" else f"[{'{},' * 1_000}]"
    with pytest.raises(YamlError, match=f"there are more than {yaml_reader._MOST} values"):
        read_documents(text)
