"""Images without a registry: built by the engine or taken from the parts, and loaded into the node once each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.build import images as parts
from tests.cluster.build import kafka
from tests.cluster.build.archive import write_archive
from tests.cluster.build.images import APPS, FAULTS, SERVICES, VERSIONS
from tests.cluster.kind.program import Program
from tests.cluster.say import Step, say
from tests.cluster.state import Cluster

# Published images that are pulled by digest and loaded under their tags. PostgreSQL is pinned in database.py, Python's
# in the app's Dockerfile; kind pins the node's. Not pinned: Dapr's (ghcr.io/dapr/…, by its chart): their
# digests cannot be asked from the machines of our tests. Traefik's and cert-manager's likewise.
PUBLISHED = {kafka.IMAGE: "sha256:77e3df9054047a88b520d0cc46e16696d3b22022e1d580aeccd2632df6532837"}


@dataclass(frozen=True)
class Source:
    """Images that can be loaded.

    Attributes:
        keys: by reference, what changes when the image does.
        write: writes images, by reference, to one archive.
    """

    keys: Mapping[str, str]
    write: Callable[[list[str], Path], None]


def build(program: Program, *, https: bool = False) -> None:
    """Build the stand-ins' images; what is built already is cheap."""
    if program.is_ours:
        parts.build(_from_parts(https))
        return
    step = Step()
    for service, version, fault in app_images():
        program.run(*build_arguments(service, version, fault))
    for name, digest in PUBLISHED.items():
        pinned = f"{name.rpartition(':')[0]}@{digest}"
        if not program.there("image", "inspect", pinned):
            program.run("pull", "--quiet", pinned)
        program.run("tag", pinned, name)
    say(f"images built by {program.name} ({step})")


def ensure(program: Program, *, https: bool = False) -> None:
    """Build the images unless the engine has them all; parts are compared by content, which takes no time."""
    names = [*PUBLISHED, *(reference(*image) for image in app_images())]
    if program.is_ours or not all(program.there("image", "inspect", name) for name in names):
        build(program, https=https)


def load(cluster: Cluster, program: Program, node_id: str) -> None:
    """Load the images that the node does not have yet, by content."""
    source = _parts_source(cluster.https) if program.is_ours else _engine_source(program)
    note = cluster.folder / "images.json"
    known = json.loads(note.read_text()) if note.exists() else {}
    loaded: dict[str, str] = known["images"] if known.get("node") == node_id else {}
    missing = [reference for reference, key in source.keys.items() if loaded.get(reference) != key]
    if not missing:
        return
    step, archive = Step(), cluster.folder / "images.tar"
    try:
        source.write(missing, archive)
        load_archive(cluster.name, program, archive)
    finally:
        archive.unlink(missing_ok=True)
    loaded |= {reference: source.keys[reference] for reference in missing}
    fresh = note.with_suffix(".new")
    fresh.write_text(json.dumps({"node": node_id, "images": loaded}, indent=1))
    fresh.replace(note)
    say(f"{len(missing)} images loaded into kind cluster {cluster.name} ({step})")


def load_archive(name: str, program: Program, archive: Path) -> None:
    """Load the images of a ``docker save`` archive into the node."""
    program.kind("load", "image-archive", "--name", name, str(archive))


def remove(program: Program) -> None:
    """Remove from the engine the images that were built in it."""
    for name in built_here(program):
        program.run("rmi", "--force", name)


def built_here(program: Program) -> list[str]:
    """The stand-ins' images that are in the engine; there are none in that of `make engine`, where nothing is built."""
    names = [] if program.is_ours else [reference(*image) for image in app_images()]
    return [name for name in names if program.there("image", "inspect", name)]


def app_images() -> list[tuple[str, str, str]]:
    """Service, version and fault of every stand-in image."""
    sound = [(service, version, "") for service in SERVICES for version in VERSIONS]
    return [*sound, *(("backend-api", VERSIONS[-1], fault) for fault in FAULTS)]


def reference(service: str, version: str, fault: str) -> str:
    """The image's name as the cluster pulls it."""
    return f"ghcr.io/todo-app/{service}:{version}{f'-{fault}' if fault else ''}"


def build_arguments(service: str, version: str, fault: str) -> list[str]:
    """How the engine builds one stand-in image."""
    tag = reference(service, version, fault)
    arguments = [f"SERVICE={service}", f"VERSION={tag.rpartition(':')[2]}", f"FAULT={fault}"]
    pairs = (word for value in arguments for word in ("--build-arg", value))
    return ["build", "--quiet", *pairs, "--tag", tag, str(APPS)]


def _from_parts(https: bool) -> list[parts.Image]:
    """What a node with registries would pull, and the stand-ins."""
    return [*parts.platform_images(), *parts.app_images(), *(parts.https_images() if https else ())]


def _parts_source(https: bool) -> Source:
    found = {image.reference: image for image in _from_parts(https)}

    def write(references: Iterable[str], target: Path) -> None:
        write_archive([found[each] for each in references], target)

    return Source({name: image.key for name, image in found.items()}, write)


def _engine_source(program: Program) -> Source:
    names = [*PUBLISHED, *(reference(*image) for image in app_images())]
    keys = {name: program.run("image", "inspect", "--format={{.Id}}", name) for name in names}

    def write(references: Iterable[str], target: Path) -> None:
        several = ["--multi-image-archive"] if program.name == "podman" else []
        program.run("save", *several, "--output", str(target), *references)

    return Source(keys, write)
