"""Charts of HTTPS: cert-manager's own, as its Go module has it; Traefik's cannot be had, ours interprets its values."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from tests.cluster.build.parts import CERT_MANAGER, CERT_MANAGER_CHART, TRAEFIK, TRAEFIK_KINDS
from tests.cluster.paths import HERE, cache

TRAEFIK_PLACE = f"charts/traefik-{TRAEFIK}"
_SOURCE = HERE / "charts" / "traefik"


def cert_manager() -> None:
    """The chart carries no version before it is released: it gets the module's."""
    file = cache() / CERT_MANAGER_CHART.place / "Chart.yaml"
    text = file.read_text()
    if (made := re.sub(r"(?i)^(version|appVersion): v0\.0\.0$", rf"\1: v{CERT_MANAGER}", text, flags=re.M)) != text:
        file.write_text(made)


def traefik() -> Path:
    """The chart of the checkout with Traefik's own CRDs in it, in the cache."""
    target = cache() / TRAEFIK_PLACE
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / "chart"
        shutil.copytree(_SOURCE, made)
        (made / "crds").mkdir()
        for file in sorted((cache() / TRAEFIK_KINDS.place).glob("traefik.io_*.yaml")):
            shutil.copyfile(file, made / "crds" / file.name)
        shutil.rmtree(target, ignore_errors=True)
        made.replace(target)
    return target
