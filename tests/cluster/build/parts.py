"""What the local cluster is made of: one entry per binary, with its version and how the Go command builds it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

KUBERNETES = "1.36.3"
KUBERNETES_OLDEST = "1.33.13"  # of what the role cluster accepts
ETCD = "3.6.16"
CONTAINERD = "2.4.2"
COREDNS = "1.15.0"
REGISTRY = "3.1.2"
DAPR = "1.18.2"
DAPR_BEFORE = "1.17.5"  # to upgrade from
METRICS_SERVER = "0.9.0"
LOCAL_PATH = "0.0.30"
KWOK = "0.8.0"
HELM = "4.3.1"
HELM3 = "3.22.0"
HELMFILE = "1.8.0"
KIND = "0.33.0"
CRICTL = "1.36.0"
CERT_MANAGER = "1.21.2"
PEBBLE = "2.10.1"
TRAEFIK = "3.7.15"
NETWORK_POLICIES = "0.8.0"
PROMETHEUS = "0.312.0"  # of the module
PROMETHEUS_VERSION = PROMETHEUS.replace("0.3", "3.", 1)
PROMETHEUS_OPERATOR = "0.85.0"
VICTORIA_LOGS = "1.52.1"
OTEL_COLLECTOR = "0.165.0"
TRAEFIK_CRDS = "3.7.13"  # of the newest module that is served
GATEWAY_API = "1.6.0"  # the one that cert-manager is built with
_SECONDS = {
    "kube-apiserver": 225,
    "kube-controller-manager": 57,
    "kube-scheduler": 3,
    "kubelet": 16,
    "kube-proxy": 5,
    "kubectl": 19,
    "helm": 18,
    "coredns": 9,
    "registry": 20,
    "metrics-server": 5,
    "dapr-injector": 9,
    "dapr-operator": 15,
    "dapr-sentry": 2,
    "dapr-placement": 4,
    "daprd": 86,
    "etcd": 9,
    "local-path-provisioner": 8,
    "containerd": 24,
    "containerd-shim-runc-v2": 1,
    "dapr-scheduler": 15,
    "helmfile": 300,
}
TAGS = "stablecomponents,remove_all_sd,enable_kubernetes_sd"  # daprd's, and two of Prometheus; no other part knows them


@dataclass(frozen=True)
class Part:
    """One binary.

    Attributes:
        name: its name in the cache's ``bin`` folder.
        version: without a leading v; with the name it decides whether the binary is there already.
        package: the Go package; ``./name`` is a main package of our own.
        edition: raised when the same version is built of other files (`PLUGINS`).
        pins: folder under ``go/`` whose go.mod and go.sum pin all modules.
        version_vars: Go variables that hold the version as the program prints it, each set to ``v<version>``.
        extra_vars: further Go variables and their values.
        alone: no other part can be built by the same command.
        for_tests: only tests need it; ``make up`` does without.
    """

    name: str
    version: str
    package: str
    edition: int = 1
    pins: str = "cluster"
    version_vars: tuple[str, ...] = ()
    extra_vars: tuple[tuple[str, str], ...] = ()
    alone: bool = False
    for_tests: bool = False

    @property
    def seconds(self) -> int:
        """What it took after those before it, when all were built on two processors; 0 when nobody knows."""
        return _SECONDS.get(self.name, 0)

    @property
    def file(self) -> str:
        """The file in the cache's ``bin`` folder."""
        return f"{self.name}-{self.version}" + (f"-{self.edition}" if self.edition > 1 else "")

    @property
    def binary(self) -> str:
        """What Go calls the file: the last word of the package's path that is not a major version."""
        words = self.package.split("/")
        return words[-2] if re.fullmatch(r"v\d+", words[-1]) else words[-1]

    @property
    def variables(self) -> list[tuple[str, str]]:
        """Go variables that the linker sets."""
        return [*((name, f"v{self.version}") for name in self.version_vars), *self.extra_vars]


def _kubernetes(name: str, pins: str = "cluster", version: str = KUBERNETES, suffix: str = "") -> Part:
    major, minor, _ = version.split(".")
    homes = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return Part(
        name + suffix,
        version,
        f"k8s.io/kubernetes/cmd/{name}",
        pins=pins,
        version_vars=tuple(f"{home}.gitVersion" for home in homes),
        extra_vars=tuple(
            (f"{home}.git{key}", value) for home in homes for key, value in (("Major", major), ("Minor", minor))
        ),
    )


def _containerd(name: str) -> Part:
    home = "github.com/containerd/containerd/v2"
    return Part(name, CONTAINERD, f"{home}/cmd/{name}", pins="containerd", version_vars=(f"{home}/version.Version",))


def _dapr(name: str, command: str, pins: str = "cluster", edition: int = 1, version: str = DAPR) -> Part:
    buildinfo = ("github.com/dapr/dapr/pkg/buildinfo.version", version)
    return Part(name, version, f"github.com/dapr/dapr/cmd/{command}", edition, pins, extra_vars=(buildinfo,))


def _helm(name: str, version: str) -> Part:
    module = f"helm.sh/helm/v{version[0]}"
    return Part(
        name,
        version,
        f"{module}/cmd/helm",
        version_vars=(f"{module}/internal/version.version",),
        alone=version == HELM3,  # Go calls both helm
        for_tests=version == HELM3,
    )


# In the order in which they are built: what most others share comes first.
PARTS: tuple[Part, ...] = (
    *(
        _kubernetes(name)
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
    ),
    _helm("helm", HELM),
    Part("coredns", COREDNS, "./coredns"),
    Part("registry", REGISTRY, "./registry"),
    Part("metrics-server", METRICS_SERVER, "sigs.k8s.io/metrics-server/cmd/metrics-server"),
    *(_dapr(f"dapr-{command}", command) for command in ("injector", "operator", "sentry", "placement")),
    _dapr("daprd", "daprd", edition=2),
    Part("etcd", ETCD, "go.etcd.io/etcd/server/v3"),
    Part(
        "kwok",
        KWOK,
        "sigs.k8s.io/kwok/cmd/kwok",
        version_vars=("sigs.k8s.io/kwok/pkg/consts.Version",),
        for_tests=True,
    ),
    # Alone: it imports a library under a name that differs from the others' in a capital letter only.
    Part("local-path-provisioner", LOCAL_PATH, "github.com/rancher/local-path-provisioner", alone=True),
    _helm("helm3", HELM3),
    # Modules that differ from the first in one library, and share with it all that is compiled without that one: the
    # CRI's interface in containerd, the etcd inside Dapr's scheduler.
    *(_containerd(name) for name in ("containerd", "containerd-shim-runc-v2")),
    _dapr("dapr-scheduler", "scheduler", pins="scheduler"),
)
# Only what the benchmark compares with: neither `make up` nor `make test` builds it.
BENCH_PARTS: tuple[Part, ...] = (Part("helmfile", HELMFILE, "github.com/helmfile/helmfile", pins="helmfile"),)
# kind, and what its node image has beside the programs of a cluster: for `make engine`.
ENGINE_PARTS: tuple[Part, ...] = (
    Part("kind", KIND, "sigs.k8s.io/kind", pins="engine"),
    _kubernetes("kubeadm", pins="engine"),
    Part(
        "crictl",
        CRICTL,
        "sigs.k8s.io/cri-tools/cmd/crictl",
        pins="engine",
        version_vars=("sigs.k8s.io/cri-tools/pkg/version.Version",),
    ),
    Part("coredns-kubeadm", COREDNS, "./coredns", pins="engine"),
    Part("ctr", CONTAINERD, "github.com/containerd/containerd/v2/cmd/ctr", pins="containerd"),
)
# Only what is asked for by `build --dapr-before`. Two libraries cannot be had in the versions that it names, so go.mod
# has an earlier durabletask-go and a later go-etcd-cron.
DAPR_BEFORE_PARTS: tuple[Part, ...] = tuple(
    _dapr(f"dapr-before-{command}", command, "dapr-before", version=DAPR_BEFORE)
    for command in ("injector", "operator", "sentry", "placement", "scheduler", "daprd")
)
# Only what is asked for by `build --kubernetes-oldest`.
OLDEST = "-oldest"
OLDEST_PARTS: tuple[Part, ...] = tuple(
    _kubernetes(name, "kubernetes-oldest", KUBERNETES_OLDEST, OLDEST)
    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
)
# Only what is asked for by `build --https`, and by `build --edge`. Traefik itself is not built, see images.py.
HTTPS_PARTS: tuple[Part, ...] = (
    Part(
        "cert-manager",
        CERT_MANAGER,
        "./cert-manager",
        edition=2,
        pins="edge",
        version_vars=("github.com/cert-manager/cert-manager/pkg/util.AppVersion",),
    ),
)
EDGE_PARTS: tuple[Part, ...] = (
    Part("pebble", PEBBLE, "github.com/letsencrypt/pebble/v2/cmd/pebble", pins="edge"),
    Part("pebble-challtestsrv", PEBBLE, "github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv", pins="edge"),
    Part("kube-network-policies", NETWORK_POLICIES, "sigs.k8s.io/kube-network-policies/cmd", pins="edge"),
)

# Only what is asked for by `build --monitoring`. Alertmanager is Debian's, see debian.py; Debian's Prometheus finds no
# targets in Kubernetes.
_OPERATOR = "github.com/prometheus-operator/prometheus-operator"
_LOGS = "github.com/VictoriaMetrics/VictoriaLogs"
MONITORING_PARTS: tuple[Part, ...] = (
    Part("prometheus-operator", PROMETHEUS_OPERATOR, f"{_OPERATOR}/cmd/operator", pins="monitoring"),
    Part("config-reloader", PROMETHEUS_OPERATOR, f"{_OPERATOR}/cmd/prometheus-config-reloader", pins="monitoring"),
    Part(
        "prometheus",
        PROMETHEUS,
        "github.com/prometheus/prometheus/cmd/prometheus",
        pins="prometheus",
        extra_vars=(("github.com/prometheus/common/version.Version", PROMETHEUS_VERSION),),
    ),
    Part("victoria-logs", VICTORIA_LOGS, f"{_LOGS}/app/victoria-logs", pins="logs"),
    Part("vlagent", VICTORIA_LOGS, f"{_LOGS}/app/vlagent", pins="logs"),
    Part(
        "otelcol-contrib",
        OTEL_COLLECTOR,
        "./otelcol-contrib",
        pins="collector",
        extra_vars=(("main.version", OTEL_COLLECTOR),),
    ),
)


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
    "cluster",
    "github.com/dapr/dapr",
    "cmd/daprd/components",
    (
        "bindings_cron.go",
        "nameresolution_kubernetes.go",
        "pubsub_in-memory.go",
        "pubsub_kafka.go",
        "secretstores_kubernetes.go",
        "state_in-memory.go",
        "state_postgres.go",
        "state_redis.go",
    ),
)
PLUGINS = (DAPR_COMPONENTS, replace(DAPR_COMPONENTS, pins="dapr-before"))


@dataclass(frozen=True)
class Port:
    """Calls in a Go module that are written as a later version of a library wants them; they do the same.

    Attributes:
        pins: folder under ``go/`` of the parts that it is for.
        module: path of the module.
        file: in the module.
        calls: text before and after.
    """

    pins: str
    module: str
    file: str
    calls: tuple[tuple[str, str], ...]


# Dapr is written for controller-runtime 0.19, which needs Kubernetes libraries of its own.
DAPR_WEBHOOKS = Port(
    "cluster",
    "github.com/dapr/dapr",
    "pkg/operator/operator.go",
    tuple(
        (
            f"ctrl.NewWebhookManagedBy(o.mgr).\n\t\t\tFor(&{package}.Subscription{{}}).",
            f"ctrl.NewWebhookManagedBy(o.mgr, &{package}.Subscription{{}}).",
        )
        for package in ("subscriptionsapiV1alpha1", "subapi")
    ),
)
PORTS = (DAPR_WEBHOOKS,)


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
DAPR_BEFORE_CHART = Files(f"charts/dapr-{DAPR_BEFORE}", f"github.com/dapr/dapr@v{DAPR_BEFORE}", "charts/dapr")
DAPR_BEFORE_FILES = (DAPR_BEFORE_CHART,)
KWOK_STAGES = Files(f"kwok/stages-{KWOK}", f"sigs.k8s.io/kwok@v{KWOK}", "kustomize/stage", for_tests=True)
METRICS_CHART = Files(
    f"charts/metrics-server-{METRICS_SERVER}",
    f"sigs.k8s.io/metrics-server@v{METRICS_SERVER}",
    "charts/metrics-server",
)
FILES = (DAPR_CHART, METRICS_CHART, KWOK_STAGES)
KIND_FILES = Files(f"kind/files-{KIND}", f"sigs.k8s.io/kind@v{KIND}", "images/base/files")
KIND_NAMES = Files(f"kind/names-{KIND}", f"sigs.k8s.io/kind@v{KIND}", "pkg/build/nodeimage")
ENGINE_FILES = (KIND_FILES, KIND_NAMES)
CERT_MANAGER_CHART = Files(
    f"charts/cert-manager-{CERT_MANAGER}",
    f"github.com/cert-manager/cert-manager@v{CERT_MANAGER}",
    "deploy/charts/cert-manager",
)
TRAEFIK_KINDS = Files(
    f"traefik/crds-{TRAEFIK_CRDS}",
    f"github.com/traefik/traefik/v3@v{TRAEFIK_CRDS}",
    "docs/content/reference/dynamic-configuration",
)
HTTPS_FILES = (CERT_MANAGER_CHART, TRAEFIK_KINDS)
GATEWAY_KINDS = Files(
    f"gateway-api/crds-{GATEWAY_API}", f"sigs.k8s.io/gateway-api@v{GATEWAY_API}", "config/crd/standard"
)
EDGE_FILES = (GATEWAY_KINDS,)
PROMETHEUS_KINDS = Files(
    f"prometheus/crds-{PROMETHEUS_OPERATOR}", f"{_OPERATOR}@v{PROMETHEUS_OPERATOR}", "example/prometheus-operator-crd"
)
MONITORING_FILES = (PROMETHEUS_KINDS,)


def part(name: str) -> Part:
    """The part of that name.

    Raises:
        KeyError: there is none.
    """
    every = (*PARTS, *BENCH_PARTS, *ENGINE_PARTS, *HTTPS_PARTS, *EDGE_PARTS, *MONITORING_PARTS, *DAPR_BEFORE_PARTS)
    return {entry.name: entry for entry in every}[name]
