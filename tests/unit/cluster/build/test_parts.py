from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from tests.cluster.build.compiler import go_command, go_environment
from tests.cluster.build.parts import BENCH_PARTS, DAPR, DAPR_COMPONENTS, KUBERNETES, PARTS, part
from tests.cluster.paths import HERE

ALL = (*PARTS, *BENCH_PARTS)


def test_every_part_has_a_pinned_version() -> None:
    for entry in ALL:
        assert re.fullmatch(r"\d+\.\d+\.\d+", entry.version), entry
        if entry.pins:
            assert "@" not in entry.package
            assert (HERE / "build" / "go" / entry.pins / "go.sum").exists()
        else:
            assert entry.package.endswith(f"@v{entry.version}")


def test_names_are_unique() -> None:
    assert len({entry.name for entry in ALL}) == len(ALL)


def test_the_pin_files_agree_with_the_versions() -> None:
    for entry in ALL:
        if entry.pins:
            text = (HERE / "build" / "go" / entry.pins / "go.mod").read_text()
            required = dict(re.findall(r"^(?:require)?\s*(\S+) v([0-9][^\s]*)", text, re.MULTILINE))
            packages = [entry.package]
            if entry.package.startswith("./"):
                main = HERE / "build" / "go" / entry.pins / entry.package / "main.go"
                packages = re.findall(r'"(\S+\.\S+/\S+)"', main.read_text())
            modules = {max((m for m in required if f"{each}/".startswith(f"{m}/")), key=len) for each in packages}
            assert {required[module] for module in modules} == {entry.version}, entry


def test_parts_of_one_family_follow_one_another() -> None:
    """Else what they share may be thrown away and compiled again between them."""
    families = [entry.family for entry in ALL]
    borders = [name for before, name in pairwise(families) if before != name]
    assert len(set(borders)) == len(borders), borders


def test_daprd_has_what_the_components_chart_asks_for() -> None:
    folder = HERE.parents[1] / "charts" / "dapr-components" / "templates"
    types = {
        t for file in folder.iterdir() for t in re.findall(r"^ *type: (\w+)\.(\w+)$", file.read_text(), re.MULTILINE)
    }
    assert {f"{kind}_{name.replace('postgresql', 'postgres')}.go" for kind, name in types} < set(DAPR_COMPONENTS.kept)


def test_the_name_server_has_what_its_configuration_names() -> None:
    corefile = (
        (HERE / "node" / "manifests" / "coredns.yaml").read_text().partition("Corefile: |")[2].partition("\n---")[0]
    )
    named = set(re.findall(r"^ {8}(\w+)", corefile, re.MULTILINE))
    built = re.findall(
        r'coredns/plugin/(\w+)"', (HERE / "build" / "go" / "clients" / "coredns" / "main.go").read_text()
    )
    assert sorted(named) == built


def test_binaries_know_their_version() -> None:
    assert f"-X k8s.io/component-base/version.gitVersion=v{KUBERNETES}" in part("kubelet").ldflags
    assert f"-X github.com/dapr/dapr/pkg/buildinfo.version={DAPR}" in part("daprd").ldflags


def test_the_go_command() -> None:
    assert go_command(part("daprd")) == [
        "go",
        "install",
        "-trimpath",
        "-gcflags=all=-dwarf=false",
        f"-ldflags=-s -w -X github.com/dapr/dapr/pkg/buildinfo.version={DAPR}",
        "-tags=stablecomponents",
        "github.com/dapr/dapr/cmd/daprd",
    ]


def test_go_uses_caches_that_are_ours_to_remove(tmp_path: Path) -> None:
    environment = go_environment(tmp_path / "bin", tmp_path / "caches")

    assert environment["GOBIN"] == str(tmp_path / "bin")
    assert environment["CGO_ENABLED"] == "0"
    assert Path(environment["GOMODCACHE"]).parent == Path(environment["GOCACHE"]).parent == tmp_path / "caches"
    assert int(environment["GOMEMLIMIT"]) >= 2**30
    assert "-modcacherw" in environment["GOFLAGS"]


def test_no_pin_file_names_a_place_to_download_from() -> None:
    for path in (HERE / "build" / "go").rglob("go.*"):
        assert not re.search(r"https?://|^replace .*=> \.", path.read_text(), re.M), path
