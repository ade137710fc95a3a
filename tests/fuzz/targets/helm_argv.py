"""What reaches Helm's command line: no given text may become an option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.helm.process import Completed
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest

from tests.fuzz.frame import Target

OPTIONS = {
    "--install", "--namespace", "--values", "--reset-values", "--disable-openapi-validation", "--history-max",
    "--timeout", "--version", "--labels", "--description", "--template", "--ignore-not-found", "--dry-run=server",
    "--output", "-",
}  # fmt: skip
SEEDS = (
    {"name": "api", "namespace": "ns", "chart": "./charts/service", "chart_version": "1.0.0"},
    {"name": "api", "namespace": "ns", "chart": "oci://ghcr.io/todo-app/service", "chart_version": ">=1.0.0 <2",
     "labels": {"todo.cloud/inputs": "i"}},
)  # fmt: skip


def run(argv: Sequence[str], *, stdin: bytes, env: Mapping[str, str], **_: Any) -> Completed:
    unknown = {each for each in argv[1:] if each.startswith("-")} - OPTIONS
    assert not unknown, f"an option of Helm: {unknown}"
    return Completed(0, "v4.1.0", "")


def attempt(given: Any) -> None:
    if not isinstance(given, dict) or set(given) - {*SEEDS[1], "chart_version"} or "name" not in given:
        return
    request = {"name": "x", "namespace": "x", "chart": "x", **given}
    if not isinstance(request.get("labels", {}), dict):
        return
    helm = HelmCli(dict, run=run)
    helm.apply(ApplyRequest(**request, values={}))
    helm.rollback(request["name"], request["namespace"], 1)
    helm.uninstall(request["name"], request["namespace"])


TARGET = Target("helm_argv", SEEDS, attempt)
