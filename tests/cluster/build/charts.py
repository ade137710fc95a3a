"""Charts that the cluster's build makes: cert-manager's own, as its Go module has it; those of Traefik, Prometheus and
VictoriaLogs cannot be had, ours interpret their values.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.build import debian, images
from tests.cluster.build.parts import (
    CERT_MANAGER,
    CERT_MANAGER_CHART,
    PROMETHEUS_KINDS,
    PROMETHEUS_VERSION,
    TRAEFIK,
    TRAEFIK_KINDS,
)
from tests.cluster.paths import HERE, cache

TRAEFIK_PLACE = f"charts/traefik-{TRAEFIK}"
_SOURCE = HERE / "charts"


def cert_manager() -> None:
    """The chart carries no version before it is released: it gets the module's."""
    file = cache() / CERT_MANAGER_CHART.place / "Chart.yaml"
    text = file.read_text()
    if (made := re.sub(r"(?i)^(version|appVersion): v0\.0\.0$", rf"\1: v{CERT_MANAGER}", text, flags=re.M)) != text:
        file.write_text(made)


def traefik() -> Path:
    """The chart of the checkout with Traefik's own CRDs in it, in the cache."""
    crds = sorted((cache() / TRAEFIK_KINDS.place).glob("traefik.io_*.yaml"))
    return _made("traefik", TRAEFIK_PLACE, crds, {})


def monitoring() -> None:
    """The charts that stand for kube-prometheus-stack, with the operator's own CRDs, and for VictoriaLogs."""
    crds = sorted((cache() / PROMETHEUS_KINDS.place).glob("*.yaml"))
    named = {
        "operator": images.OPERATOR_IMAGE,
        "reloader": images.RELOADER_IMAGE,
        "prometheus": images.PROMETHEUS_IMAGE,
        "alertmanager": images.alertmanager_image(),
        "python": images.PYTHON,
    }
    versions = {
        "prometheusVersion": f"v{PROMETHEUS_VERSION}",
        "alertmanagerVersion": f"v{debian.version(debian.ALERTMANAGER, 'prometheus-alertmanager')}",
    }
    _made("kube-prometheus-stack", "charts/kube-prometheus-stack", crds, {"images": named, **versions})
    for name, image in (("single", images.VICTORIA_LOGS_IMAGE), ("collector", images.VLAGENT_IMAGE)):
        _made(f"victoria-logs-{name}", f"charts/victoria-logs-{name}", [], {"image": image})


def _made(name: str, place: str, crds: Sequence[Path], values: Mapping[str, Any]) -> Path:
    """A chart of the checkout in the cache, with CRDs and with these over its values."""
    target = cache() / place
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / "chart"
        shutil.copytree(_SOURCE / name, made)
        if crds:
            (made / "crds").mkdir()
        for file in crds:
            shutil.copyfile(file, made / "crds" / file.name)
        if values:
            own = yaml.safe_load((made / "values.yaml").read_text())
            (made / "values.yaml").write_text(yaml.safe_dump({**own, **values}))
        shutil.rmtree(target, ignore_errors=True)
        made.replace(target)
    return target
