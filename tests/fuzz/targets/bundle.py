"""A bundle as somebody hands it over: the file, and what is in it where all digests fit."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.bundle import contents as of
from ansible_collections.todo.cloud.plugins.module_utils.bundle.bundle import Bundle, Parts, made, opened
from ansible_collections.todo.cloud.plugins.module_utils.bundle.charts import unpacked
from ansible_collections.todo.cloud.plugins.module_utils.bundle.images import FromLayout, tree
from ansible_collections.todo.cloud.plugins.module_utils.bundle.layout import Blob, Layout, entry, write
from ansible_collections.todo.cloud.plugins.module_utils.digest import chart_archive, chart_digest
from ansible_collections.todo.cloud.plugins.module_utils.records.packing import pack
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Member, Record
from ansible_collections.todo.cloud.plugins.module_utils.records.signing import RecordKeys
from ansible_collections.todo.cloud.plugins.module_utils.registry.image import MANIFESTS

from tests.fuzz.frame import Target

CHART = str(Path(__file__).parents[3] / "tests/fixtures/charts/sleeper")
IMAGE = {
    "schemaVersion": 2, "mediaType": MANIFESTS[0], "config": {"digest": of.digest_of(b"{}"), "size": 2},
    "layers": [{"digest": of.digest_of(b"layer"), "size": 5, "mediaType": "application/vnd.oci.image.layer.v1.tar"}],
}  # fmt: skip


@cache
def sound() -> Bundle:
    digest = chart_digest(CHART, None)
    member = Member(
        name="api", revision=1, uid="u", chart="sleeper", chart_version="0.1.0", chart_digest=digest, local=True,
        inputs="i", watched="none", values={"image": "ghcr.io/todo/api:v1", "list": [1, "x"]}, secret_values=(),
    )  # fmt: skip
    archive = chart_archive(CHART)
    record = Record(
        1, "staging", "2026-11-22T12:00:00Z", "ada", "1f3c5a7", {}, {"api": member}, charts={digest: archive}
    )
    image = of.Image(f"ghcr.io/todo/api@{of.digest_of(json.dumps(IMAGE).encode())}", (), ("api",))
    charts = {digest: ("sleeper.tgz", archive)}
    return made(pack(record), "ns", record, charts, Parts(), (image,), RecordKeys())


def file_of(bundle: Bundle, image: bytes) -> bytes:
    contents = [*bundle.blobs.values(), bundle.manifest, image, b"{}", b"layer"]
    blobs = [Blob(of.digest_of(each), len(each), _reader(each)) for each in {bytes(each) for each in contents}]
    index = {"schemaVersion": 2, "manifests": [entry(of.MANIFEST, bundle.manifest, "staging-1", of.ARTIFACT)]}
    with tempfile.TemporaryFile() as file:
        write(file, index, blobs, lambda blob: None)
        file.seek(0)
        return file.read()


def _reader(content: bytes) -> Any:
    return lambda start, length: content[start : start + length]


def attempt(given: Any) -> None:
    """Bytes are a file; else all digests fit: they are made of what is given."""
    bundle, image, chart = sound(), json.dumps(IMAGE).encode(), chart_archive(CHART)
    if isinstance(given, dict) and "contents" in given:
        of.contents_of(json.dumps(given["contents"], default=str).encode())
        return
    if isinstance(given, dict) and "manifest" in given:
        content = given["manifest"]
        opened(json.dumps(content).encode(), lambda part: bundle.blobs.get(part.digest, b""), RecordKeys())
        return
    if isinstance(given, dict) and "record" in given:
        raw = json.dumps(given["record"], default=str).encode()
        listed = replace(bundle.contents, record=of.part("release-set.json", of.RECORD, raw))
        blobs = {**bundle.blobs, of.digest_of(raw): raw, of.digest_of(listed.packed()): listed.packed()}
        opened(of.manifest(listed, b""), lambda part: blobs.get(part.digest, b""), RecordKeys())
        return
    if isinstance(given, dict) and "chart" in given:
        chart = given["chart"] if isinstance(given["chart"], bytes) else chart
    elif isinstance(given, dict):
        image = json.dumps(given, default=str).encode()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "in"
        place.mkdir()
        file = place / "bundle.tar"
        file.write_bytes(given if isinstance(given, bytes) else file_of(bundle, image))
        try:
            with Layout(file) as layout:
                found = opened(layout.read(layout.bundle, 0, layout.size(layout.bundle)),
                               lambda part: layout.read(part.digest, 0, part.size), RecordKeys())  # fmt: skip
                layout.verify()
                tree(FromLayout(layout), of.digest_of(image))
                assert found.record
            unpacked(chart, chart_digest(CHART, None), place)
        finally:
            outside = [path for path in Path(folder).rglob("*") if path.is_file() and place not in path.parents]
            assert outside == [], outside


TARGET = Target("bundle", (
    file_of(sound(), json.dumps(IMAGE).encode()),
    {"contents": json.loads(sound().contents.packed())},
    {"manifest": json.loads(sound().manifest)},
    {"record": json.loads(sound().blobs[sound().contents.record.digest])},
    {"chart": chart_archive(CHART)},
    IMAGE,
), attempt)  # fmt: skip
