"""What the local cluster is made of: one entry per binary, with its version and how the Go command builds it."""

from __future__ import annotations

from dataclasses import dataclass

KUBERNETES = "1.36.3"
ETCD = "3.6.16"
CONTAINERD = "2.4.2"
COREDNS = "1.15.0"
REGISTRY = "3.1.2"
DAPR = "1.14.0"
METRICS_SERVER = "0.9.0"
LOCAL_PATH = "0.0.30"
KWOK = "0.8.0"
HELM = "4.3.1"
HELM3 = "3.22.0"
HELMFILE = "1.8.0"


@dataclass(frozen=True)
class Part:
    """One binary.

    Attributes:
        name: its name in the cache's ``bin`` folder.
        version: without a leading v; with the name it decides whether the binary is there already.
        package: the Go package, ``@version`` included unless ``pins`` is set.
        pins: folder under ``go/`` whose go.mod and go.sum pin all modules, for modules that ``go install`` refuses.
        version_vars: Go variables that hold the version as the program prints it, each set to ``v<version>``.
        extra_vars: further Go variables and their values.
        tags: build tags.
        for_tests: only tests need it; ``make up`` does without.
    """

    name: str
    version: str
    package: str
    pins: str = ""
    version_vars: tuple[str, ...] = ()
    extra_vars: tuple[tuple[str, str], ...] = ()
    tags: str = ""
    for_tests: bool = False

    @property
    def file(self) -> str:
        """The file in the cache's ``bin`` folder."""
        return f"{self.name}-{self.version}"

    @property
    def family(self) -> str:
        """Parts of one family share most of what Go compiles for them."""
        return self.pins or self.package.partition("/cmd/")[0]

    @property
    def ldflags(self) -> str:
        """Linker flags: no debug symbols, and the version."""
        values = [*((name, f"v{self.version}") for name in self.version_vars), *self.extra_vars]
        return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in values)])


def _kubernetes(name: str) -> Part:
    major, minor, _ = KUBERNETES.split(".")
    homes = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return Part(
        name,
        KUBERNETES,
        f"k8s.io/kubernetes/cmd/{name}",
        pins="kubernetes",
        version_vars=tuple(f"{home}.gitVersion" for home in homes),
        extra_vars=tuple(
            (f"{home}.git{key}", value) for home in homes for key, value in (("Major", major), ("Minor", minor))
        ),
    )


def _containerd(name: str) -> Part:
    package = f"github.com/containerd/containerd/v2/cmd/{name}@v{CONTAINERD}"
    return Part(name, CONTAINERD, package, version_vars=("github.com/containerd/containerd/v2/version.Version",))


def _dapr(name: str, command: str) -> Part:
    return Part(
        name,
        DAPR,
        f"github.com/dapr/dapr/cmd/{command}",
        pins="dapr",
        extra_vars=(("github.com/dapr/dapr/pkg/buildinfo.version", DAPR),),
        tags="stablecomponents" if name == "daprd" else "",
    )


def _helm(name: str, version: str) -> Part:
    module = f"helm.sh/helm/v{version[0]}"
    return Part(
        name,
        version,
        f"{module}/cmd/helm@v{version}",
        version_vars=(f"{module}/internal/version.version",),
        for_tests=version == HELM3,
    )


PARTS: tuple[Part, ...] = (
    _helm("helm", HELM),
    *(
        _kubernetes(name)
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
    ),
    Part("etcd", ETCD, "go.etcd.io/etcd/server/v3", pins="etcd"),
    *(_containerd(name) for name in ("containerd", "containerd-shim-runc-v2", "ctr")),
    # One module for five: they share client-go and the clouds' libraries, which take longer than themselves.
    Part("metrics-server", METRICS_SERVER, "sigs.k8s.io/metrics-server/cmd/metrics-server", pins="addons"),
    Part("local-path-provisioner", LOCAL_PATH, "github.com/rancher/local-path-provisioner", pins="addons"),
    Part("coredns", COREDNS, "github.com/coredns/coredns", pins="addons"),
    Part("registry", REGISTRY, "github.com/distribution/distribution/v3/cmd/registry", pins="addons"),
    Part(
        "kwok",
        KWOK,
        "sigs.k8s.io/kwok/cmd/kwok",
        pins="addons",
        version_vars=("sigs.k8s.io/kwok/pkg/consts.Version",),
        for_tests=True,
    ),
    *(_dapr(f"dapr-{command}", command) for command in ("injector", "operator", "sentry", "placement", "scheduler")),
    _dapr("daprd", "daprd"),
    _helm("helm3", HELM3),
)
# Only what the benchmark compares with: neither `make up` nor `make test` builds it.
BENCH_PARTS: tuple[Part, ...] = (Part("helmfile", HELMFILE, "github.com/helmfile/helmfile", pins="helmfile"),)


@dataclass(frozen=True)
class Files:
    """Files that a Go module carries beside its code, kept in the cache.

    Attributes:
        place: folder in the cache.
        module: ``path@version``.
        folder: in the module.
    """

    place: str
    module: str
    folder: str
    for_tests: bool = False


DAPR_CHART = Files(f"charts/dapr-{DAPR}", f"github.com/dapr/dapr@v{DAPR}", "charts/dapr")
KWOK_STAGES = Files(f"kwok/stages-{KWOK}", f"sigs.k8s.io/kwok@v{KWOK}", "kustomize/stage", for_tests=True)
FILES = (DAPR_CHART, KWOK_STAGES)


def part(name: str) -> Part:
    """The part of that name.

    Raises:
        KeyError: there is none.
    """
    return {entry.name: entry for entry in (*PARTS, *BENCH_PARTS)}[name]
