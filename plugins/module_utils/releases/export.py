# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exports an environment's releases as plain values files, charts, and the Helm commands that deploy them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ..digest import chart_archive, is_local
from ..failure import Code, error
from ..helm.values import integer_options
from ..planning.diff import text_of
from ..planning.spec import ReleaseSpec, VersionIds
from ..settings import Settings

SCRIPT = "helm.sh"
_HEAD = """\
#!/bin/sh
# The releases of environment {environment} by Helm alone, wave after wave. Arguments go to each call:
# sh {script} --dry-run=server shows what would be done.
set -eu
cd "$(dirname "$0")"
"""
_README = """\
# Environment {environment} as plain Helm

`{script}` deploys the releases of namespace `{namespace}` with the values files and charts that lie here. It needs
Helm and a kubeconfig, nothing else. Nothing changes in the cluster as long as nothing is changed here.

{releases}

No secret is in here: the values name Secrets and ConfigMaps, which must be in the namespace.
When one of those that a release watches changed, restart its pods: `kubectl rollout restart`.
{watches}
What else was installed beside these releases is Helm's too: `helm list --all-namespaces` names it, and
`helm get values RELEASE --namespace NAMESPACE` prints its values.
"""


def export(
    folder: str, waves: Sequence[Sequence[ReleaseSpec]], version_ids: VersionIds, settings: Settings
) -> list[str]:
    """Writes the folder; returns the names of its files. Raises invalid_input when it holds something else, or can't be
    written.
    """
    top = Path(folder).expanduser()
    if top.exists() and not (top.is_dir() and ((top / SCRIPT).exists() or not any(top.iterdir()))):
        raise error(Code.INVALID_INPUT, f"{top} holds something else: export to a new folder.", export=str(top))
    specs = [spec for wave in waves for spec in wave]
    lines = [_HEAD.format(environment=settings.environment, script=SCRIPT)]
    files: dict[str, bytes] = {}
    for number, wave in enumerate(waves, 1):
        lines.append(f"\n# wave {number}\n")
        for spec in wave:
            chart = spec.chart
            if is_local(chart):
                chart = f"charts/{Path(chart).name.removesuffix('.tgz')}-{spec.chart_digest[:8]}.tgz"
                files[chart] = chart_archive(spec.chart)
            files[f"{spec.name}.yaml"] = (text_of(spec.helm_values(version_ids)) or "{}\n").encode()
            lines.append(_command(spec, chart, settings.timeout))
    files[SCRIPT] = "".join(lines).encode()
    files["README.md"] = _readme(specs, settings).encode()
    try:
        (top / "charts").mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (top / name).write_bytes(content)
    except OSError as exc:
        raise error(Code.INVALID_INPUT, f"{top} can't be written: {exc.strerror}.", export=str(top)) from exc
    return sorted(files)


def _command(spec: ReleaseSpec, chart: str, timeout: int) -> str:
    argv = ["helm", "upgrade", "--install", spec.name, chart, "--namespace", spec.namespace]
    argv += ["--version", spec.chart_version] if spec.chart_version else []
    argv += ["--values", f"{spec.name}.yaml", "--reset-values", "--wait", "--timeout", f"{timeout}s"]
    argv += integer_options(spec.values)
    return shlex.join(argv) + ' "$@"\n'


def _readme(specs: Sequence[ReleaseSpec], settings: Settings) -> str:
    watched = [f"* `{spec.name}` watches {', '.join(map(str, spec.watches))}" for spec in specs if spec.watches]
    return _README.format(
        environment=settings.environment,
        namespace=settings.namespace,
        script=SCRIPT,
        releases="\n".join(f"* `{spec.name}`: values in `{spec.name}.yaml`" for spec in specs),
        watches="\n" + "\n".join(watched) + "\n" if watched else "",
    )
