"""``python3 -m tests.upstream_charts DIR``: charts of others, given what the roles of the platform give them.

For whoever has the charts: DIR holds them unpacked, each in a folder whose Chart.yaml names it (traefik, cert-manager,
dapr, metrics-server, kube-prometheus-stack, victoria-logs-single, victoria-logs-collector). Each is rendered by Helm
with the values of inventories/production. Told are keys that the chart does not know, which it would ignore in silence,
and containers without requests or limits. Exits 1 if there is one, or if Helm refuses. Nothing of them is kept.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.todo.cloud.plugins.module_utils.readiness.templates import built_in
from ansible_collections.todo.cloud.plugins.module_utils.yaml_reader import read_documents

from tests.cluster.paths import BIN, TOP

ROLES = ("ingress", "cert_manager", "dapr", "metrics_server", "monitoring")
INVENTORY = TOP / "inventories" / "production"
_AMOUNTS = [(kind, amount) for kind in ("requests", "limits") for amount in ("cpu", "memory")]


def releases() -> list[dict[str, Any]]:
    """Name, namespace and values of each, as the roles describe them."""
    with tempfile.TemporaryDirectory() as folder:
        include = {"name": "todo.cloud.{{ platform_role | default(inventory_hostname) }}", "tasks_from": "describe"}
        content, dest = "{{ platform_part.releases | to_json }}", f"{folder}/{{{{ inventory_hostname }}}}"
        play = {
            "name": "Platform is described", "hosts": "platform", "gather_facts": False,
            "tasks": [
                {"name": "Part is described", "ansible.builtin.include_role": include},
                {"name": "It is kept", "ansible.builtin.copy": {"content": content, "dest": dest}},
            ],
        }  # fmt: skip
        file = Path(folder) / "describe.yml"
        file.write_text(yaml.safe_dump([play]))
        argv = ["ansible-playbook", str(file), "-i", str(INVENTORY), "--limit", ",".join(ROLES)]
        environ = {"TODO_VERSION": "v0.0.0", **os.environ}
        subprocess.run(argv, cwd=TOP, env=environ, check=True, stdout=subprocess.DEVNULL)
        found = [each for role in ROLES for each in json.loads((Path(folder) / role).read_text())]
        return [each for each in found if not each["chart"].startswith(str(TOP))]


def chart_of(folder: Path, name: str) -> Path | None:
    """The folder of a chart in the given one, or in one beneath it."""
    for file in sorted([*folder.glob("Chart.yaml"), *folder.glob("*/Chart.yaml"), *folder.glob("*/*/Chart.yaml")]):
        if yaml.safe_load(file.read_text()).get("name") == name:
            return file.parent
    return None


def known(chart: Path) -> dict[str, Any]:
    """The values that a chart knows, those of its subcharts by their names."""
    file = chart / "values.yaml"
    found: dict[str, Any] = (yaml.safe_load(file.read_text()) if file.exists() else {}) or {}
    for each in sorted(chart.glob("charts/*/Chart.yaml")):
        name = each.parent.name
        found[name] = {**known(each.parent), **(found.get(name) or {})}
    return found


def unknown(
    values: Mapping[str, Any], there: Mapping[str, Any], schema: Mapping[str, Any] | None, at: str = ""
) -> Iterator[str]:
    """Paths of values that the chart does not know: by its schema where it has one, else by its defaults, of which an
    empty one takes anything.
    """
    for key, value in values.items():
        path, below = f"{at}.{key}".lstrip("."), there.get(key)
        properties = (schema or {}).get("properties") or {}
        more = (schema or {}).get("additionalProperties", schema is not None)
        said = properties.get(key, more if isinstance(more, Mapping) else None)
        of_container = at.endswith("resources") and key in ("requests", "limits")  # a chart need not have a default
        if key not in there and said is None and not more and not of_container:
            yield path
        elif isinstance(value, Mapping) and (said or below):
            yield from unknown(value, below if isinstance(below, Mapping) else {}, said, path)


def unlimited(objects: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Containers without requests and limits of CPU and memory."""
    for item in objects:
        template = built_in(item)
        spec = template.spec if template else {}
        for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
            has = container.get("resources") or {}
            lacks = [f"{kind}.{amount}" for kind, amount in _AMOUNTS if amount not in (has.get(kind) or {})]
            if lacks:
                where = f"{item['kind']} {item['metadata']['name']}"
                yield f"{where}: container {container['name']} has no {', '.join(lacks)}"


def check(chart: Path, release: Mapping[str, Any]) -> tuple[str, list[str]]:
    """One line about it, and what is wrong."""
    file = chart / "values.schema.json"
    schema = json.loads(file.read_text()) if file.exists() else None
    found = [f"unknown key {path}" for path in unknown(release["values"], known(chart), schema)]
    argv = [
        str(BIN / "helm"),
        "template",
        release["name"],
        str(chart),
        "--namespace",
        release["namespace"],
        "--values",
        "-",
    ]
    done = subprocess.run(argv, input=yaml.safe_dump(release["values"]), capture_output=True, text=True, check=False)
    if done.returncode:
        return "not rendered", [*found, f"helm: {done.stderr.strip()}"]
    objects = [each for each in read_documents(done.stdout) if isinstance(each, dict)]
    version = yaml.safe_load((chart / "Chart.yaml").read_text()).get("version")
    return f"version {version}, {len(objects)} objects", [*found, *unlimited(objects)]


def main(arguments: Sequence[str]) -> int:
    """Exit code."""
    folder = Path(" ".join(arguments)).expanduser()
    if not arguments or not folder.is_dir():
        print("make upstream-charts FROM=DIR: a folder with the charts traefik, cert-manager and dapr, unpacked.")
        return 2
    good, seen = True, 0
    for release in releases():
        chart = chart_of(folder, str(release["name"]))
        line, wrong = check(chart, release) if chart else ("not there", [])
        print("\n  ".join([f"{release['name']}: {line}", *wrong]))
        good, seen = good and not wrong, seen + bool(chart)
    return 0 if good and seen else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
