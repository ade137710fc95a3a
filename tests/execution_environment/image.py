"""Builds examples/execution-environment with ansible-builder and buildah, on a Debian of this machine's own mirror.

What its definition names and cannot be had here is replaced: the base image by one that debootstrap makes, Galaxy by
artefacts of this checkout and of the installed kubernetes.core, the image with Helm by the Helm of the local cluster.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import ansible_collections.kubernetes.core
import yaml

from tests.cluster.build.layers import built
from tests.cluster.machine import Tool, ready_to_build
from tests.cluster.paths import cache

TOP = Path(__file__).resolve().parents[2]
EXAMPLE = TOP / "examples" / "execution-environment"
BUILDER = "ansible-builder==3.2.0"
BASE = "localhost/todo-cloud-ee-base"
IMAGE = "localhost/todo-cloud-ee"
_PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def run(*argv: str | Path, cwd: Path = TOP, **env: str) -> str:
    """What a command prints; its tail is shown when it fails."""
    done = subprocess.run(
        [str(each) for each in argv], cwd=cwd, env={**os.environ, **env}, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{argv[0]} {argv[1]}: {done.stdout[-4000:]}"
    return done.stdout


def base() -> None:
    """The base image, unless it is there: by debootstrap, with this machine's authorities and settings of pip."""
    if BASE in run("buildah", "images", "--format", "{{.Name}}"):
        return
    root = cache() / "execution-environment" / "base"
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    mirror = re.findall(r"https?://\S+", run("apt-get", "indextargets", "--format", "$(REPO_URI)"))[0]
    run("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", root, mirror)
    shutil.copy(_CERTIFICATES, root / _CERTIFICATES.relative_to("/"))
    settings = re.findall(r"^\S+\.(cert|index-url|trusted-host)='(.*)'$", run("pip", "config", "list"), re.MULTILINE)
    lines = [f"{key} = {value}" for key, value in dict(settings).items()]
    (root / "etc/pip.conf").write_text("\n".join(["[global]", *lines, ""]))
    container = run("buildah", "from", "scratch").strip()
    try:
        run("buildah", "add", container, root, "/")
        run("buildah", "commit", container, BASE)
    finally:
        run("buildah", "rm", container)
        shutil.rmtree(root)


def artifact_of(folder: Path, target: Path) -> Path:
    """An installed collection as an artefact of Galaxy; files that the installer left out are left out of its list."""
    files = json.loads((folder / "FILES.json").read_text())
    files["files"] = [each for each in files["files"] if (folder / each["name"]).exists()]
    listed = json.dumps(files).encode()
    manifest: dict[str, Any] = json.loads((folder / "MANIFEST.json").read_text())
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(listed).hexdigest()
    info = manifest["collection_info"]
    work = target / f"{info['namespace']}-{info['name']}"
    shutil.copytree(folder, work)
    (work / "FILES.json").write_bytes(listed)
    (work / "MANIFEST.json").write_text(json.dumps(manifest))
    file = target / f"{info['namespace']}-{info['name']}-{info['version']}.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        for name in ("MANIFEST.json", "FILES.json", *(each["name"] for each in files["files"] if each["name"] != ".")):
            archive.add(work / name, name, recursive=False)
    return file


def definition(files: Path) -> dict[str, Any]:
    """The example's definition, of what can be had here."""
    found: dict[str, Any] = yaml.safe_load((EXAMPLE / "execution-environment.yml").read_text())
    wanted = yaml.safe_load((EXAMPLE / "requirements.yml").read_text())["collections"]
    assert {each["name"] for each in wanted} == {"todo.cloud", "kubernetes.core"}
    artifacts = sorted(files.glob("*.tar.gz"))
    assert len(artifacts) == len(wanted)
    core = found["dependencies"]["ansible_core"]["package_pip"]
    found["images"]["base_image"]["name"] = f"{BASE}:latest"
    found["dependencies"] |= {
        "ansible_core": {"package_pip": core.replace("2.21", "2.19")},  # Debian 12 has Python 3.11
        "galaxy": {"collections": [{"name": f"/build/{each.name}", "type": "file"} for each in artifacts]},
    }
    found["options"] = {"package_manager_path": "/usr/bin/apt-get", "skip_pip_install": True}  # Debian's own pip
    helm, *others = found["additional_build_steps"]["append_final"]
    assert re.fullmatch(r"COPY --from=\S+ /usr/bin/helm (\S+)", helm)
    assert not others
    found["additional_build_files"] = [
        *({"src": str(each), "dest": "artifacts"} for each in artifacts),
        {"src": str(built("helm")), "dest": "programs"},
    ]
    found["additional_build_steps"] = {
        "prepend_galaxy": ["COPY _build/artifacts/ /build/"],
        "append_final": [f"COPY _build/programs/{built('helm').name} {helm.split()[-1]}"],
    }
    return found


def build(folder: Path) -> None:
    """The image ``IMAGE``."""
    ready_to_build([Tool("buildah", "buildah"), Tool("debootstrap", "debootstrap")])
    base()
    run("ansible-galaxy", "collection", "build", "--output-path", folder)
    artifact_of(Path(next(iter(ansible_collections.kubernetes.core.__path__))), folder)
    (folder / "execution-environment.yml").write_text(yaml.safe_dump(definition(folder)))
    run(sys.executable, "-m", "venv", folder / "builder")
    run(folder / "builder/bin/pip", "install", "--quiet", BUILDER)
    run(folder / "builder/bin/ansible-builder", "create", cwd=folder)
    run(
        "buildah", "bud", "--layers", "--isolation", "chroot", "--network", "host", "--tag", IMAGE, folder / "context",
    )  # fmt: skip
