"""What the local cluster is made of: one entry per binary, with its version and how the Go command builds it."""

from __future__ import annotations

from dataclasses import dataclass

KUBERNETES = "1.36.3"
ETCD = "3.6.16"
CONTAINERD = "2.4.2"
COREDNS = "1.15.0"
REGISTRY = "3.1.2"
DAPR = "1.18.2"
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
        package: the Go package, ``@version`` included unless ``pins`` is set; ``./name`` is a main package of our own.
        pins: folder under ``go/`` whose go.mod and go.sum pin all modules, for modules that ``go install`` refuses and
            for parts that shall share what is compiled.
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
        """Linker flags: no debug symbols (the compiler makes none either), and the version."""
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
        f"{module}/cmd/helm",
        pins="clients",
        version_vars=(f"{module}/internal/version.version",),
        for_tests=version == HELM3,
    )


# Families that take longest come first: two of them are built side by side.
PARTS: tuple[Part, ...] = (
    *(
        _kubernetes(name)
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
    ),
    # One module for all that talk to an API server: they share client-go, which takes longer than themselves.
    _helm("helm", HELM),
    _helm("helm3", HELM3),
    Part("metrics-server", METRICS_SERVER, "sigs.k8s.io/metrics-server/cmd/metrics-server", pins="clients"),
    Part("local-path-provisioner", LOCAL_PATH, "github.com/rancher/local-path-provisioner", pins="clients"),
    Part("coredns", COREDNS, "./coredns", pins="clients"),
    Part("registry", REGISTRY, "./registry", pins="clients"),
    Part(
        "kwok",
        KWOK,
        "sigs.k8s.io/kwok/cmd/kwok",
        pins="clients",
        version_vars=("sigs.k8s.io/kwok/pkg/consts.Version",),
        for_tests=True,
    ),
    *(_dapr(f"dapr-{command}", command) for command in ("injector", "operator", "sentry", "placement", "scheduler")),
    _dapr("daprd", "daprd"),
    *(_containerd(name) for name in ("containerd", "containerd-shim-runc-v2", "ctr")),
    Part("etcd", ETCD, "go.etcd.io/etcd/server/v3", pins="etcd"),
)
# Only what the benchmark compares with: neither `make up` nor `make test` builds it.
BENCH_PARTS: tuple[Part, ...] = (Part("helmfile", HELMFILE, "github.com/helmfile/helmfile", pins="helmfile"),)


@dataclass(frozen=True)
class Plugins:
    """A folder of a Go module with a plugin per file, most of which nobody here needs: only some of them are built.

    Attributes:
        pins: folder under ``go/`` of the parts that it is for.
        module: path of the module.
        folder: in the module.
        kept: what stays.
    """

    pins: str
    module: str
    folder: str
    kept: tuple[str, ...]


# What charts/dapr-components can ask for, and what needs nothing; the others bring libraries of every cloud.
DAPR_COMPONENTS = Plugins(
    "dapr",
    "github.com/dapr/dapr",
    "cmd/daprd/components",
    (
        "nameresolution_kubernetes.go",
        "pubsub_in-memory.go",
        "pubsub_kafka.go",
        "secretstores_kubernetes.go",
        "state_in-memory.go",
        "state_postgres.go",
    ),
)
PLUGINS = (DAPR_COMPONENTS,)


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
