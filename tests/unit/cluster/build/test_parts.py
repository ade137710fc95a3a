from __future__ import annotations

import re
from pathlib import Path

from tests.cluster.build.compiler import MODULES, go_command, go_environment, together
from tests.cluster.build.parts import (
    BENCH_PARTS,
    DAPR,
    DAPR_COMPONENTS,
    EDGE_PARTS,
    ENGINE_PARTS,
    HELM,
    HTTPS_PARTS,
    KUBERNETES,
    MONITORING_PARTS,
    OLDEST_PARTS,
    PARTS,
    part,
)
from tests.cluster.paths import GO, HERE

OTELGRPC = "go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"  # etcd 3.5 needs an old one
ALL = (*PARTS, *BENCH_PARTS, *ENGINE_PARTS, *HTTPS_PARTS, *EDGE_PARTS, *MONITORING_PARTS, *OLDEST_PARTS)


def libraries(pins: str) -> dict[str, str]:
    """Module paths and the versions that are compiled."""
    text = (MODULES / pins / "go.mod").read_text()
    return dict(re.findall(r"^\t(\S+) (v\S+)", text, re.M)) | dict(re.findall(r"^\t(\S+) => \S+ (v\S+)$", text, re.M))


def test_every_part_has_a_pinned_version() -> None:
    for entry in ALL:
        assert re.fullmatch(r"\d+\.\d+\.\d+", entry.version), entry
        assert "@" not in entry.package
        assert (MODULES / entry.pins / "go.sum").exists()


def test_names_are_unique() -> None:
    assert len({entry.name for entry in ALL}) == len(ALL)


def test_the_pin_files_agree_with_the_versions() -> None:
    for entry in ALL:
        text = (MODULES / entry.pins / "go.mod").read_text()
        required = dict(re.findall(r"^(?:require)?\s*(\S+) v([0-9][^\s]*)", text, re.MULTILINE))
        packages = [entry.package]
        if entry.package.startswith("./"):
            main = MODULES / entry.pins / entry.package / "main.go"
            packages = re.findall(r'"(\S+\.\S+/\S+)"', main.read_text())
        modules = {max((m for m in required if f"{each}/".startswith(f"{m}/")), key=len) for each in packages}
        versions = {required[module] for module in modules}
        # What we write around a program may use its libraries, too.
        assert entry.version in versions, entry
        assert len(versions) == 1 or entry.package.startswith("./"), entry


def test_all_parts_share_one_set_of_kubernetes_libraries() -> None:
    """Else client-go and the rest would be compiled more than once."""
    pins = {entry.pins: libraries(entry.pins) for entry in (*PARTS, *ENGINE_PARTS)}
    first = pins.pop("cluster")
    kubernetes = {version for path, version in first.items() if re.fullmatch(r"k8s\.io/(api|client-go|api\w+)", path)}
    assert kubernetes == {"v0" + KUBERNETES[1:]}
    differ = {name: {p for p in other if p in first and other[p] != first[p]} for name, other in pins.items()}
    assert differ["containerd"] == {"k8s.io/cri-api"}
    assert {path for path in differ["engine"] if path.startswith("k8s.io/")} == set()
    assert {path for path in differ.pop("scheduler") if not path.startswith("go.etcd.io/")} == {OTELGRPC}


def test_what_one_command_builds_has_names_of_its_own() -> None:
    for entries in (*together(PARTS), *together(ENGINE_PARTS), *together((*HTTPS_PARTS, *EDGE_PARTS))):
        names = [entry.binary for entry in entries]
        assert len(set(names)) == len(names)
        assert len({entry.pins for entry in entries}) == 1


def test_what_go_calls_a_binary() -> None:
    assert [part(name).binary for name in ("etcd", "daprd", "coredns", "helm3")] == [
        "server",
        "daprd",
        "coredns",
        "helm",
    ]


def test_daprd_has_what_the_components_chart_asks_for() -> None:
    folder = HERE.parents[1] / "charts" / "dapr-components" / "templates"
    types = {
        t for file in folder.iterdir() for t in re.findall(r"^ *type: (\w+)\.(\w+)$", file.read_text(), re.MULTILINE)
    }
    assert {f"{kind}_{name.replace('postgresql', 'postgres')}.go" for kind, name in types} < set(DAPR_COMPONENTS.kept)


def test_daprd_has_redis_and_cron() -> None:
    assert {"state_redis.go", "bindings_cron.go"} < set(DAPR_COMPONENTS.kept)


def test_a_part_of_other_files_is_another_binary() -> None:
    """Else a cache that has the version would keep what was built before."""
    assert part("daprd").file == f"daprd-{DAPR}-2"
    assert part("etcd").file == f"etcd-{part('etcd').version}"


def test_the_name_server_has_what_its_configuration_names() -> None:
    corefile = (
        (HERE / "node" / "manifests" / "coredns.yaml").read_text().partition("Corefile: |")[2].partition("\n---")[0]
    )
    named = set(re.findall(r"^ {8}(\w+)", corefile, re.MULTILINE))
    built = re.findall(r'coredns/plugin/(\w+)"', (MODULES / "cluster" / "coredns" / "main.go").read_text())
    assert sorted(named) == built


def test_the_go_command() -> None:
    assert go_command([part("daprd"), part("metrics-server")]) == [
        "go",
        "install",
        "-trimpath",
        "-gcflags=all=-dwarf=false",
        f"-ldflags=-s -w -X github.com/dapr/dapr/pkg/buildinfo.version={DAPR}",
        "-tags=stablecomponents,remove_all_sd,enable_kubernetes_sd",
        "github.com/dapr/dapr/cmd/daprd",
        "sigs.k8s.io/metrics-server/cmd/metrics-server",
    ]


def test_binaries_know_their_version() -> None:
    (flags,) = [word for word in go_command(together(PARTS)[0]) if word.startswith("-ldflags")]

    assert f"-X k8s.io/component-base/version.gitVersion=v{KUBERNETES}" in flags
    assert f"-X github.com/dapr/dapr/pkg/buildinfo.version={DAPR}" in flags
    assert f"-X helm.sh/helm/v4/internal/version.version=v{HELM}" in flags
    names = re.findall(r"-X (\S+)=", flags)
    assert len(set(names)) == len(names)


def test_go_uses_caches_that_are_ours_to_remove(tmp_path: Path) -> None:
    environment = go_environment(tmp_path / "bin")

    assert environment["GOBIN"] == str(tmp_path / "bin")
    assert environment["CGO_ENABLED"] == "0"
    assert {Path(environment[name]).parent for name in ("GOCACHE", "GOMODCACHE", "GOTMPDIR")} == {GO}
    assert int(environment["GOMEMLIMIT"]) >= 2**30
    assert "-modcacherw" in environment["GOFLAGS"]


def test_no_pin_file_names_a_place_to_download_from() -> None:
    for path in (MODULES).rglob("go.*"):
        assert not re.search(r"https?://|^replace .*=> \.", path.read_text(), re.M), path
