"""An environment with one verified release, whose image is for two platforms and signed; and another one, far away."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digest import chart_archive, chart_digest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Member, Record
from ansible_collections.todo.cloud.plugins.module_utils.records.signing import RecordKeys
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore
from ansible_collections.todo.cloud.plugins.module_utils.releases.bundle import open_bundle
from ansible_collections.todo.cloud.plugins.module_utils.releases.bundle_build import build

from tests.support.fake_kube import FakeKube
from tests.support.fake_registry import MANIFEST, FakeRegistry
from tests.support.signatures import Signer
from tests.unit.plugins.module_utils.records.test_signing import NEW, private, public

CHART = str(Path(__file__).parents[5] / "tests" / "fixtures" / "charts" / "sleeper")
NAME, THERE = "todo/api", "acme/todo/api"
LAYER = bytes(range(256)) * 20_000  # more than one part
SPDX = b'{"spdxVersion": "SPDX-2.3"}'
COMMIT = "1f3c5a7d9e"


@dataclass
class Far:
    """``near``: the registry that the set was verified with; ``far``: that of the target, which is empty."""

    near: FakeRegistry
    far: FakeRegistry
    folder: Path
    kube: FakeKube = field(default_factory=FakeKube)
    signer: Signer = field(default_factory=Signer)
    digest: str = ""
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        near, layer = self.near, self.near.blob(NAME, LAYER)
        described = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": len(LAYER)}
        platforms = {}
        for platform in ("linux/amd64", "linux/arm64"):
            config = json.dumps({"os": "linux", "architecture": platform.partition("/")[2]}).encode()
            kind = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": near.blob(NAME, config)}
            content: dict[str, Any] = {
                "mediaType": MANIFEST,
                "config": {**kind, "size": len(config)},
                "layers": [described],
            }
            platforms[platform] = near.put(NAME, "", MANIFEST, {"schemaVersion": 2, **content})
        # As builders attach a list of parts: an entry for no platform.
        statement = {"mediaType": "application/vnd.in-toto+json", "digest": near.blob(NAME, SPDX), "size": len(SPDX)}
        statement["annotations"] = {"in-toto.io/predicate-type": "https://spdx.dev/Document"}
        empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": near.blob(NAME, b"{}"), "size": 2}
        content = {"schemaVersion": 2, "mediaType": MANIFEST, "config": empty, "layers": [statement]}
        platforms["unknown/unknown"] = near.put(NAME, "", MANIFEST, content)
        self.digest = near.push_index(NAME, "sha-1", platforms)
        self.sized()
        self.signer.bundle(near, NAME, self.digest)
        self.signer.payload(near, NAME, self.digest)
        self.record()

    def sized(self) -> None:
        """Entries of an index have sizes, which the fake leaves out."""
        repository = self.near.repositories[NAME]
        _kind, raw = repository.manifests.pop(self.digest)
        content = json.loads(raw)
        for each in content["manifests"]:
            each["size"] = len(repository.manifests[each["digest"]][1])
        self.digest = self.near.put(NAME, "sha-1", _kind, content)

    def member(self, **more: Any) -> Member:
        image = f"ghcr.io/{NAME}:sha-1"
        given: dict[str, Any] = {
            "name": "api", "revision": 1, "uid": "u", "chart": "sleeper", "chart_version": "0.1.0",
            "chart_digest": chart_digest(CHART, None), "local": True, "inputs": "i", "watched": "none",
            "values": {"image": f"{image}@{self.digest}", "text": "near"}, "secret_values": (),
            "images": {
                "Deployment/api/app": {"image": image, "digest": self.digest},
                "Deployment/api/daprd": {"image": "ghcr.io/dapr/daprd:1.18.2", "digest": "sha256:" + "d" * 64},
            },
        }  # fmt: skip
        return Member(**{**given, **more})

    def record(self, *members: Member, number: int = 1, key: str = "", **more: Any) -> None:
        found = {each.name: each for each in members or [self.member()]}
        charts = {chart_digest(CHART, None): chart_archive(CHART)}
        record = Record(number, "staging", "2026-11-22T12:00:00Z", "ada@ci", COMMIT, {}, found, charts=charts)
        RecordStore(self.kube, "near", "staging", RecordKeys.parse(key or None)).write(replace(record, **more))

    @property
    def file(self) -> Path:
        return self.folder / "bundle.tar"

    def build(self, *, check: bool = False, helm: HelmCli | None = None, **params: Any) -> dict[str, Any]:
        given = {
            "namespace": "near", "environment": "staging", "record_key": None, "record_public_keys": [], "commit": None,
            "registries": [{"host": "*", "endpoint": self.near.url}], "push_registries": [], "bundle": str(self.file),
        }  # fmt: skip
        return build(self.kube, helm or HelmCli(dict), {**given, **params}, self.lines.append, check=check)

    def raw(self, **more: Any) -> dict[str, Any]:
        """As the target's roles describe the release."""
        values = {"image": f"registry.acme.example/{THERE}:v1.0.0", "text": "far"}
        return {"name": "api", "namespace": "far", "chart": CHART, "values": values, **more}

    def open(self, *, check: bool = False, **params: Any) -> dict[str, Any]:
        place = self.folder / "run"
        place.mkdir(exist_ok=True)
        given = {
            "namespace": "far", "environment": "acme", "record_key": None, "record_public_keys": [],
            "bundle_public_keys": [], "registries": [{"host": "*", "endpoint": self.far.url}],
            "push_registries": [{"host": "*", "endpoint": self.far.url}], "bundle": str(self.file),
            "waves": [[self.raw()]], "may_differ": ["environment"], "folder": str(place),
        }  # fmt: skip
        return open_bundle(self.kube, {**given, **params}, self.lines.append, check=check)

    def fails_with(self, code: Code, **params: Any) -> Failure:
        """What opening fails with."""
        with pytest.raises(TodoCloudError) as caught:
            self.open(**params)
        assert caught.value.failure.code is code, caught.value
        return caught.value.failure

    def fails(self, run: Callable[..., Any], *args: Any, **params: Any) -> Failure:
        """What it fails with; nothing was written to the target's registry."""
        with pytest.raises(TodoCloudError) as caught:
            run(*args, **params)
        assert not self.far.repositories, self.far.repositories
        assert caught.value.failure.message.endswith(".")
        return caught.value.failure

    def rewritten(self, change: Callable[[dict[str, bytes]], None]) -> None:
        """The file, changed by somebody: names and contents."""
        with tarfile.open(self.file) as tar:
            held = {each.name: tar.extractfile(each).read() for each in tar}  # type: ignore[union-attr]  # files only
        change(held)
        with tarfile.open(self.file, "w") as tar:
            for name, content in held.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))


@contextmanager
def far(folder: Path) -> Iterator[Far]:
    with FakeRegistry().serving() as near, FakeRegistry().serving() as there:
        yield Far(near, there, folder)


KEY, PUBLIC = private(NEW), public(NEW)


def forged(held: Mapping[str, bytes], digest: str) -> dict[str, Any]:
    """A manifest of a layout as JSON."""
    return dict(json.loads(held[f"blobs/{digest.replace(':', '/')}"]))
