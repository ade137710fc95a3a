# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exports an environment's releases as plain values files, charts, and the Helm commands that deploy them."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..digest import chart_archive, is_local
from ..failure import Code, error
from ..helm.values import integer_options
from ..planning.diff import text_of
from ..planning.spec import ReleaseSpec, VersionIds
from ..records.secret_values import Path as ValuePath
from ..records.secret_values import path_text, value_at
from ..settings import Settings
from .private_folder import write_files

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
{secrets}When one of those that a release watches changed, restart its pods: `kubectl rollout restart`.
{watches}
What else was installed beside these releases is Helm's too: `helm list --all-namespaces` names it, and
`helm get values RELEASE --namespace NAMESPACE` prints its values.
"""

_SECRETS = """\
The secret values of these releases stay in the cluster, and Helm takes them from the release that is deployed. To
install one anew, or to change such a value, give it in a file of your own: `sh helm.sh --values FILE`.

{releases}

"""


def export(
    folder: str, waves: Sequence[Sequence[ReleaseSpec]], version_ids: VersionIds, settings: Settings
) -> list[str]:
    """Writes the folder; returns the names of its files. Raises invalid_input when it holds something else, or can't be
    written.
    """
    top = Path(folder).expanduser()
    if top.is_symlink():
        raise error(Code.INVALID_INPUT, f"{top} is a link: export to a folder itself.", export=str(top))
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
            values = open_values(spec.helm_values(version_ids), spec.secret_values or ())
            files[f"{spec.name}.yaml"] = (text_of(values) or "{}\n").encode()
            lines.append(_command(spec, chart, settings.timeout))
    files[SCRIPT] = "".join(lines).encode()
    files["README.md"] = _readme(specs, settings).encode()
    try:
        write_files(top, files)
    except OSError as exc:
        raise error(Code.INVALID_INPUT, f"{top} can't be written: {exc.strerror}.", export=str(top)) from exc
    return sorted(files)


def open_values(values: Mapping[str, Any], secret: Iterable[ValuePath]) -> dict[str, Any]:
    """Values without the secret ones; without the whole list where they stand in one, since Helm merges no lists."""
    kept = copy.deepcopy(dict(values))
    for path in secret:
        in_list = next((number for number, part in enumerate(path) if isinstance(part, int)), len(path))
        *above, last = path[:in_list]
        with suppress(KeyError):  # the list is gone already
            del value_at(kept, tuple(above))[last]
    return kept


def _command(spec: ReleaseSpec, chart: str, timeout: int) -> str:
    argv = ["helm", "upgrade", "--install", spec.name, chart, "--namespace", spec.namespace]
    argv += ["--version", spec.chart_version] if spec.chart_version else []
    # Secret values are not here: Helm takes them from the release that is deployed.
    values = "--reset-then-reuse-values" if spec.secret_values else "--reset-values"
    argv += ["--values", f"{spec.name}.yaml", values, "--wait", "--timeout", f"{timeout}s"]
    argv += integer_options(spec.values)
    return shlex.join(argv) + ' "$@"\n'


def _readme(specs: Sequence[ReleaseSpec], settings: Settings) -> str:
    watched = [f"* `{spec.name}` watches {', '.join(map(str, spec.watches))}" for spec in specs if spec.watches]
    secret = [
        f"* `{spec.name}`: {', '.join(map(path_text, spec.secret_values))}" for spec in specs if spec.secret_values
    ]
    return _README.format(
        secrets=_SECRETS.format(releases="\n".join(secret)) if secret else "",
        environment=settings.environment,
        namespace=settings.namespace,
        script=SCRIPT,
        releases="\n".join(f"* `{spec.name}`: values in `{spec.name}.yaml`" for spec in specs),
        watches="\n" + "\n".join(watched) + "\n" if watched else "",
    )
