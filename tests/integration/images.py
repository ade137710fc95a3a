# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images of a test's own in the cluster's registry: busybox under other names, each with a digest of its own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference

from tests.cluster.build.oci import MANIFEST, Blob, Registry
from tests.cluster.build.oci import Reference as Pushed
from tests.integration.support import BUSYBOX


@dataclass
class Images:
    """``url``: the cluster's registry, which every node asks whatever the image's own registry is."""

    url: str
    prefix: str = field(default_factory=lambda: f"test-{secrets.token_hex(4)}")
    digests: set[tuple[str, str]] = field(default_factory=set)

    def name(self, image: str) -> str:
        """Registry and repository of an image of this test."""
        return f"ghcr.io/{self.prefix}/{image}"

    def push(self, image: str, tag: str, build: str, command: str = "") -> str:
        """Busybox as ``image:tag``, running a shell command; another ``build`` is another digest, which is returned."""
        repository = f"{self.prefix}/{image}"
        with Registry(self.url) as registry:
            source = Reference.parse(BUSYBOX)
            blobs = [Blob(b["digest"], b["size"], source.repository) for b in self._manifest(source)["layers"]]
            for blob in blobs:
                assert registry.mount(repository, blob)
            cmd = ["sh", "-c", command] if command else ["sh"]
            config = {"Env": ["PATH=/bin:/sbin:/usr/bin:/usr/sbin"], "Cmd": cmd, "Labels": {"build": build}}
            registry.push_image(Pushed("ghcr.io", repository, tag), config, blobs)
        digest = self.digest(image, tag)
        self.digests.add((repository, digest))
        return digest

    def digest(self, image: str, tag: str) -> str:
        """What a tag points to; empty when it is not there."""
        answer = self._head(f"{self.prefix}/{image}", tag)
        return answer.headers["docker-content-digest"] if answer.status_code == 200 else ""

    def delete(self, image: str, digest: str) -> None:
        """The manifest and all tags that point to it are gone."""
        httpx.delete(f"{self.url}/v2/{self.prefix}/{image}/manifests/{digest}", trust_env=False)

    def _head(self, repository: str, tag: str) -> httpx.Response:
        where = f"{self.url}/v2/{repository}/manifests/{tag}"
        return httpx.head(where, headers={"Accept": MANIFEST}, trust_env=False)

    def _manifest(self, image: Reference) -> Any:
        where = f"{self.url}/v2/{image.repository}/manifests/{image.tag}"
        found = httpx.get(where, headers={"Accept": MANIFEST}, trust_env=False)
        return json.loads(found.text)

    @contextmanager
    def kept_while(self) -> Iterator[Images]:
        """They are removed at the end."""
        try:
            yield self
        finally:
            for repository, digest in self.digests:
                httpx.delete(f"{self.url}/v2/{repository}/manifests/{digest}", trust_env=False)


def images_of_cluster(kubeconfig: str) -> Images:
    """Images in the registry of the local cluster that a kubeconfig belongs to."""
    facts = json.loads((Path(kubeconfig).parent / "cluster.json").read_text())
    return Images(f"http://{facts['registry']}")
