"""Digests: what changes them, and what does not."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digest import (
    canonical,
    chart_archive,
    chart_digest,
    digest_of,
    input_digest,
    is_local,
)
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    folder = tmp_path / "service"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("name: service\nversion: 0.1.0\n")
    (folder / "templates" / "a.yaml").write_text("kind: A\n")
    return folder


def test_a_digest_fits_a_label_and_separates_parts() -> None:
    assert len(digest_of(b"x")) == 40
    assert digest_of(b"ab", b"c") != digest_of(b"a", b"bc")


def test_a_template_changed_under_the_same_version_is_a_change(chart: Path) -> None:
    before = chart_digest(str(chart), None)
    assert chart_digest(str(chart), None) == before
    (chart / "templates" / "a.yaml").write_text("kind: B\n")
    assert chart_digest(str(chart), None) != before


def test_what_helm_does_not_take_is_no_change_and_no_part_of_an_archive(chart: Path) -> None:
    (chart / ".helmignore").write_text(".DS_Store\n*.swp\ndrafts/\n")
    before, archive = chart_digest(str(chart), None), chart_archive(str(chart))
    (chart / ".DS_Store").write_text("x")
    (chart / "templates" / ".a.yaml.un~").write_text("x")
    (chart / "templates" / "b.swp").write_text("{{")
    for folder in (".git", "drafts"):
        (chart / folder).mkdir()
        (chart / folder / "HEAD").write_text("x")
    assert (chart_digest(str(chart), None), chart_archive(str(chart))) == (before, archive)


def test_a_hidden_file_that_templates_may_read_is_a_change_and_a_part_of_an_archive(chart: Path) -> None:
    before = chart_digest(str(chart), None)
    (chart / "files").mkdir()
    (chart / "files" / ".app").write_text("x")
    assert chart_digest(str(chart), None) != before
    with tarfile.open(fileobj=io.BytesIO(chart_archive(str(chart)))) as tar:
        assert "service/files/.app" in tar.getnames()


def test_renaming_a_file_is_a_change(chart: Path) -> None:
    before = chart_digest(str(chart), None)
    (chart / "templates" / "a.yaml").rename(chart / "templates" / "b.yaml")
    assert chart_digest(str(chart), None) != before


def test_where_the_folder_lies_does_not_matter(chart: Path, tmp_path: Path) -> None:
    before = chart_digest(str(chart), None)
    moved = chart.rename(tmp_path / "elsewhere")
    assert chart_digest(str(moved), None) == before


def test_a_reference_needs_its_version() -> None:
    one, two = chart_digest("oci://r/c", "1.0.0"), chart_digest("oci://r/c", "1.0.1")
    assert one != two
    assert chart_digest("oci://r/c@sha256:1", None)
    with pytest.raises(TodoCloudError, match="exact chart_version") as caught:
        chart_digest("oci://r/c", None)
    assert caught.value.failure.code is Code.INVALID_INPUT


@pytest.mark.parametrize("make_folder", [True, False])
def test_no_chart_there(tmp_path: Path, make_folder: bool) -> None:
    path = tmp_path / "nothing"
    if make_folder:
        path.mkdir()
    with pytest.raises(TodoCloudError, match="There is no chart") as caught:
        chart_digest(str(path), None)
    assert caught.value.failure.code is Code.CHART_INVALID


def test_it_is_said_where_a_chart_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for chart in ("./charts/api", "charts/api"):
        with pytest.raises(TodoCloudError) as caught:
            chart_digest(chart, None)
        assert str(tmp_path / "charts/api") in caught.value.failure.message
        assert "in the playbook's folder" in caught.value.failure.message


def test_the_archive_is_the_same_bytes_for_the_same_content_and_holds_the_chart(chart: Path) -> None:
    packed = chart_archive(str(chart))
    (chart / "Chart.yaml").touch()
    assert chart_archive(str(chart)) == packed
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getnames() == ["service/Chart.yaml", "service/templates/a.yaml"]


def test_an_archive_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "c.tgz"
    file.write_bytes(b"bytes")
    assert chart_archive(str(file)) == b"bytes"
    assert chart_digest(str(file), None) != chart_digest(str(file), None)[::-1]


def test_order_of_keys_does_not_matter_but_values_and_their_types_do() -> None:
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})
    assert input_digest("c", {"a": 1, "b": 2}) == input_digest("c", {"b": 2, "a": 1})
    assert input_digest("c", {"a": "1"}) != input_digest("c", {"a": 1})
    assert input_digest("c", {}) != input_digest("d", {})


@pytest.mark.parametrize(
    ("chart", "local"), [("/x/y", True), ("./c", True), ("../c", True), ("oci://r/c", False), ("dapr/dapr", False)]
)
def test_local(chart: str, local: bool) -> None:
    assert is_local(chart) is local


def test_the_address_of_an_archive_holds_its_version() -> None:
    assert chart_digest("https://charts.example/dapr-1.18.5.tgz", None)
    with pytest.raises(TodoCloudError, match="set its exact chart_version"):
        chart_digest("https://charts.example/dapr", None)


@pytest.mark.parametrize(
    "version", ["^0.1.0", "1.x", ">=0", "1", "1.2", "~1.2.3", "1.2.3 - 1.4", "1.2.3 || 2.0.0", "*", "latest"]
)
def test_a_range_is_not_an_exact_version(version: str) -> None:
    with pytest.raises(TodoCloudError, match="is not an exact version") as caught:
        chart_digest("repo/app", version)
    assert caught.value.failure.code is Code.INVALID_INPUT


@pytest.mark.parametrize("version", ["0.1.9", "v1.21.2", "1.0.0-rc.1+build.5"])
def test_exact_versions(version: str) -> None:
    assert len(chart_digest("repo/app", version)) == 40
