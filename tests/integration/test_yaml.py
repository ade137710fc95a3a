# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The real API server reads a manifest as yaml_reader does: odd scalars as values and as keys, by one dry run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import WELL_KNOWN
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.yaml_reader import read_document

READINGS = Path(__file__).parents[1] / "fixtures/yaml/readings.jsonl"
HEAD = "apiVersion: apps/v1\nkind: ControllerRevision\nmetadata: {name: odd-scalars}\nrevision: 1\ndata:\n"


def manifest() -> tuple[str, int]:
    """A ControllerRevision, whose data may be anything, with the scalars of the fixture; and how many they are."""
    values: list[str] = []
    keys: dict[str, str] = {}
    for one in (json.loads(line) for line in READINGS.open()):
        if "json" not in one or one["yaml"].count("\n") != 1:
            continue
        if value := re.fullmatch(r"k: ([^\s&*|>{\[][^\n]*)\n", one["yaml"]):
            values.append(value[1])
        elif (key := re.fullmatch(r"([^\s&*|>{\[][^\n]*): v\n", one["yaml"])) and isinstance(one["json"], dict):
            keys.setdefault(next(iter(one["json"])), key[1])  # one text for each key: Go's order is random
    lines = [f"  v{number}: {text}\n" for number, text in enumerate(values)] + ["  keys:\n"]
    return "".join([HEAD, *lines, *(f"    {key}: v\n" for key in keys.values())]), len(values) + len(keys)


def test_the_api_server_reads_scalars_and_keys_as_we_do(kube: KubeSession, namespace: str) -> None:
    text, count = manifest()
    assert count > 250
    path = WELL_KNOWN["apps/v1", "ControllerRevision"].path(namespace) + "?dryRun=All"
    headers = {"Content-Type": "application/yaml", "Accept": "application/json"}
    url = kube.server + path
    response: Any = kube._http.credentials.pool.request("POST", url, body=text.encode(), headers=headers)
    assert response.status == 201, response.data
    assert json.loads(response.data)["data"] == read_document(text)["data"]
