"""Charts that can't make a Secret are not rendered to find that out."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digest import chart_archive
from ansible_collections.todo.cloud.plugins.module_utils.planning.chart_text import (
    archive_may_make_secrets,
    may_ask_the_cluster,
    may_have_crds,
    may_make_secrets,
)

CHARTS = Path(__file__).parents[5] / "charts"


def chart(folder: Path, template: str) -> Path:
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: x\nversion: 1.0.0\n")
    (folder / "templates" / "all.yaml").write_text(template)
    return folder


OWN = sorted(path.parent.name for path in CHARTS.glob("*/Chart.yaml"))


@pytest.mark.parametrize("name", [name for name in OWN if name != "manifests"])  # that one makes what it is given
def test_own_charts_make_none(name: str) -> None:
    values = {"env": {"A": "b"}, "secretEnv": {"X": {"secret": "s", "key": "k"}}}
    assert not may_make_secrets(str(CHARTS / name), values)


@pytest.mark.parametrize(
    "template",
    ["kind: Secret", 'kind: "Secret"', "{kind: Secret}", "kind:   'Secret' # x", '{{ $kind := "Secret" }}',
     "kind: {{ printf `Secret` }}", '{"kind":"SecretList"}'],
)  # fmt: skip
def test_a_template_that_speaks_of_one(tmp_path: Path, template: str) -> None:
    folder = chart(tmp_path / "x", template)
    assert may_make_secrets(str(folder), {})
    assert archive_may_make_secrets(chart_archive(str(folder)), {})


@pytest.mark.parametrize("template", ["kind: ExternalSecret", "secretKeyRef: {name: a}", "# from an existing Secret"])
def test_references_are_none(tmp_path: Path, template: str) -> None:
    folder = chart(tmp_path / "x", template)
    assert not may_make_secrets(str(folder), {})
    assert not archive_may_make_secrets(chart_archive(str(folder)), {})


def test_subcharts_count_packed_or_not(tmp_path: Path) -> None:
    outer = chart(tmp_path / "outer", "kind: Deployment")
    packed = chart_archive(str(chart(tmp_path / "inner", "kind: Secret")))
    (outer / "charts").mkdir()
    (outer / "charts" / "inner.tgz").write_bytes(packed)
    assert may_make_secrets(str(outer), {})
    assert archive_may_make_secrets(chart_archive(str(outer)), {})


def test_objects_in_values_count(tmp_path: Path) -> None:
    folder = chart(tmp_path / "x", "{{ tpl .Values.extra . }}")
    assert may_make_secrets(str(folder), {"extra": "apiVersion: v1\nkind: Secret\n"})
    assert may_make_secrets(str(folder), {"extraDeploy": [{"kind": "Secret"}]})


def test_what_cannot_be_read_may(tmp_path: Path) -> None:
    assert may_make_secrets("oci://example.com/x", {})
    (tmp_path / "x.tgz").write_bytes(b"nothing")
    assert may_make_secrets(str(tmp_path / "x.tgz"), {})
    with tarfile.open(tmp_path / "cut.tgz", "w:gz") as tar:
        tar.add(__file__, "x/templates/a.yaml")
    cut = (tmp_path / "cut.tgz").read_bytes()[:-40]
    assert archive_may_make_secrets(cut, {}) in (True, False)


@pytest.mark.parametrize("name", ["environment", "kafka", "service", "dapr-components"])
def test_own_charts_render_without_a_cluster(name: str) -> None:
    assert not may_ask_the_cluster(str(CHARTS / name), {"env": {"A": "b"}})


@pytest.mark.parametrize(
    "template",
    ['{{ lookup "v1" "Secret" "a" "b" }}', '{{ (lookup "v1" "Pod" "" "") }}', "{{ .Capabilities.KubeVersion }}",
     "{{ $.Capabilities.APIVersions.Has `x` }}", "{{ with .Capabilities }}{{ .KubeVersion }}{{ end }}",
     "{{ .Release.Revision }}", "{{ if $.Release.IsInstall }}{{ end }}", "annotations: {helm.sh/hook: pre-upgrade}"],
)  # fmt: skip
def test_what_only_the_cluster_or_the_history_knows(tmp_path: Path, template: str) -> None:
    assert may_ask_the_cluster(str(chart(tmp_path / "x", template)), {})


def test_values_count_and_a_remote_chart_is_not_known(tmp_path: Path) -> None:
    folder = chart(tmp_path / "x", "kind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}")
    assert not may_ask_the_cluster(str(folder), {})
    assert may_ask_the_cluster(str(folder), {"extra": '{{ lookup "v1" "Pod" "" "" }}'})
    assert may_ask_the_cluster("oci://registry.example.com/charts/x", {})


def test_folders_crds(tmp_path: Path) -> None:
    (tmp_path / "charts" / "inner").mkdir(parents=True)
    assert not may_have_crds(str(tmp_path))
    (tmp_path / "charts" / "inner" / "crds").mkdir()
    (tmp_path / "charts" / "inner" / "crds" / "a.yaml").touch()
    assert may_have_crds(str(tmp_path))
    assert may_have_crds("oci://registry.example.com/x")
