# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digest import chart_archive, chart_digest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.files import content_of, files_below, found_files, named_file
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.helm.process import Completed
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest
from ansible_collections.todo.cloud.plugins.module_utils.helm.values import with_files
from ansible_collections.todo.cloud.plugins.module_utils.planning.chart_text import may_have_crds
from ansible_collections.todo.cloud.plugins.module_utils.planning.manifests import manifest_values
from ansible_collections.todo.cloud.plugins.module_utils.releases.convert import Wanted, read_source

from tests.support.fake_kube import FakeKube

OBJECT = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {key: canary}}"


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A chart, with a file beside it that is none of its own."""
    folder = tmp_path / "team" / "chart"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: chart\nversion: 1.0.0\n")
    (folder / "templates" / "a.yaml").write_text("kind: ConfigMap\n")
    (folder / "values.yaml").write_text("a: 1\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kubeconfig.yaml").write_text(OBJECT)
    return folder


def names(folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in files_below(folder)]


def asked(chart: Path) -> object:
    """Helm for this chart; there is none."""
    helm = HelmCli(dict, run=lambda *_, **__: Completed(0, "v4.1.0", ""))
    return helm.template(ApplyRequest("a", "ns", str(chart), {}))


READERS: dict[str, Callable[[Path], object]] = {
    "digest": lambda chart: chart_digest(str(chart), None),
    "archive": lambda chart: chart_archive(str(chart)),
    "helm": asked,
    "crds": lambda chart: may_have_crds(str(chart)),
    "manifests": lambda chart: manifest_values([str(chart / "templates")], "web"),
    "convert": lambda chart: read_source(Wanted(str(chart / "templates"), "ns"), HelmCli(dict), FakeKube),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("templates/b.yaml", "../../../outside/kubeconfig.yaml"),
        ("templates/deep", "../../../outside"),
        ("templates/deep", "/"),
        ("templates/.hidden", "../../../outside/kubeconfig.yaml"),
        ("templates/gone.yaml", "../../../outside/nothing"),
    ],
)
def test_a_link_that_leads_out_of_a_folder_is_refused(
    link: str, target: str, reader: Callable[[Path], object], chart: Path
) -> None:
    (chart / link).symlink_to(target)
    with pytest.raises(TodoCloudError, match=f"{Path(link).name} in .* is a link that leads out of there") as caught:
        reader(chart)
    assert caught.value.failure.code is Code.INVALID_INPUT


def test_links_within_a_chart_are_followed_as_helm_does(chart: Path) -> None:
    (chart / "shared").mkdir()
    (chart / "shared" / "x.tpl").write_text("one")
    (chart / "templates" / "lib").symlink_to("../shared")
    (chart / "copy.yaml").symlink_to("values.yaml")
    assert names(chart) == [
        "Chart.yaml", "copy.yaml", "shared/x.tpl", "templates/a.yaml", "templates/lib/x.tpl", "values.yaml",
    ]  # fmt: skip
    before = chart_digest(str(chart), None)
    (chart / "shared" / "x.tpl").write_text("two")
    assert chart_digest(str(chart), None) != before
    assert asked(chart) == "v4.1.0"


def test_a_chart_may_be_named_by_a_link(chart: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to("team/chart")
    assert chart_digest(str(tmp_path / "current"), None) == chart_digest(str(chart), None)


@pytest.mark.parametrize("links", [{"a/up": ".."}, {"a/b": "../c", "c/a": "../a"}, {"a/self": "."}])
def test_a_circle_of_links_ends(links: dict[str, str], tmp_path: Path) -> None:
    for name, target in links.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(target)
    with pytest.raises(TodoCloudError, match="is a link in a circle"):
        files_below(tmp_path)


def test_subcharts_behind_a_link_may_have_crds(chart: Path) -> None:
    """Helm creates what is in them."""
    assert not may_have_crds(str(chart))
    (chart / "common" / "crds").mkdir(parents=True)
    (chart / "common" / "crds" / "a.yaml").write_text("kind: CustomResourceDefinition\n")
    (chart / "charts").mkdir()
    (chart / "charts" / "common").symlink_to("../common")
    assert "charts/common/crds/a.yaml" in names(chart)
    assert may_have_crds(str(chart))


def test_what_is_no_file_is_left_out(chart: Path) -> None:
    os.mkfifo(chart / "templates" / "pipe.yaml")
    assert "templates/pipe.yaml" not in names(chart)
    assert chart_digest(str(chart), None)


def test_named_files_may_not_be_links_out_of_their_folder(chart: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside" / "kubeconfig.yaml"
    (chart / "link.yaml").symlink_to(outside)
    for read in (
        lambda: named_file(chart / "link.yaml"),
        lambda: found_files(f"{chart}/*.yaml"),
        lambda: found_files(f"{tmp_path}/team/**/link.yaml"),
        lambda: with_files({}, [str(chart / "link.yaml")]),
        lambda: manifest_values([str(chart / "link.yaml")], "web"),
        lambda: manifest_values([f"{chart}/l*.yaml"], "web"),
    ):
        with pytest.raises(TodoCloudError, match="is a link that leads out of there"):
            read()
    assert named_file(outside) == outside
    assert found_files(f"{tmp_path}/out*/*.yaml") == [outside]
    assert with_files({}, [str(outside)])["data"] == {"key": "canary"}


def test_a_mounted_config_map_is_read(tmp_path: Path) -> None:
    """Its files are links to those of the newest version, in a folder beside them."""
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "values.yaml").write_text("a: 1\n")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "values.yaml").symlink_to("..data/values.yaml")
    assert with_files({}, [str(tmp_path / "values.yaml")]) == {"a": 1}


def test_huge_files_are_refused_whatever_their_size_says(tmp_path: Path, chart: Path) -> None:
    with open(chart / "values.yaml", "wb") as file:
        file.truncate(20 << 20)
    for read in (lambda: chart_digest(str(chart), None), lambda: with_files({}, [str(chart / "values.yaml")])):
        with pytest.raises(TodoCloudError, match=r"values.yaml has more than 16 MiB\."):
            read()
    with pytest.raises(TodoCloudError, match="has more than 0 MiB"):
        content_of(Path("/proc/self/maps"), 10)  # of size 0
