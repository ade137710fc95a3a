"""Values that feed Secrets, found with the real Helm in a chart that makes them in all the usual ways."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest
from ansible_collections.todo.cloud.plugins.module_utils.planning.secret_leaves import secret_leaves
from ansible_collections.todo.cloud.plugins.module_utils.records.secret_values import path_text

from tests.unit.charts.rendering import built

CHART = Path(__file__).parents[2] / "fixtures" / "charts" / "secretive"
SECRET: dict[str, Any] = {
    "plain": "p1", "encoded": "p2", "twice": "p3", "hashed": "p4", "templated": "{{ .Values.plain }}-p5",
    "htpasswd": "p6", "bcrypt": "p7", "number": 4711, "registry": {"user": "u", "password": "p8"},
    "users": [{"name": "a", "token": "p9"}], "extra": {"key": "p10"}, "kept": "p11",
    "global": {"shared": "p12"}, "inner": {"password": "p13"},
}  # fmt: skip
OPEN: dict[str, Any] = {
    "existingSecret": "there", "open": "word", "replicas": 3, "commonName": "example.com", "mode": "two",
    "unused": {f"key{n}": f"value{n}" for n in range(20)},
}  # fmt: skip


def found(values: Mapping[str, Any]) -> tuple[set[str], int]:
    helm, renders = HelmCli(dict, str(built("bin/helm"))), []

    def render(changed: Mapping[str, Any]) -> str:
        renders.append(changed)
        return helm.template(ApplyRequest("x", "ns", str(CHART), changed))

    paths = {path_text(path) for path in secret_leaves(values, render)}
    return paths, len(renders)


def test_every_way_is_found_and_nothing_else() -> None:
    paths, renders = found(SECRET | OPEN)
    assert paths == {
        "plain", "encoded", "twice", "hashed", "templated", "htpasswd", "bcrypt", "number", "registry.user",
        "registry.password", "users[0].name", "users[0].token", "extra.key", "kept", "global.shared", "inner.password",
    }  # fmt: skip
    assert renders <= 40


def test_random_values_and_clocks_make_nothing_secret() -> None:
    assert found(OPEN)[0] == set()
