# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The app's repository, two environments on a cluster, and what users see of them."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, DEPLOYMENT, POD
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.records.packing import unpack
from ansible_collections.todo.cloud.plugins.module_utils.records.record import RECORD_LABEL

from tests.cluster.build.images import Image, build
from tests.cluster.build.layers import busybox_layer, files_layer, requirements_layer
from tests.cluster.build.oci import MANIFEST, Entry, Reference
from tests.cluster.build.python_base import python_layer
from tests.cluster.machine import Tool, ready_to_build
from tests.cluster.paths import TOP
from tests.e2e.conftest import until
from tests.pipeline.runner import FOLDER, HERE, TOKEN, Run, Runner
from tests.support.environ import clean_environ
from tests.support.hosted import Environment
from tests.support.receiver import Receiver
from tests.workflows import COSIGN, built

APP = TOP / "examples/todo-app"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
BASE = "docker.io/library/python-and-pip:3.11-slim"
SERVICES = ("backend-api", "frontend")
PORTS = {"staging": 30081, "production": 30082}
PULLS, PUSHES = "token-that-pulls", "token-that-pushes"
_PIP = b'#!/bin/sh\nexec python3 -m pip "$@"\n'
_TESTS = "test:\n\t@python3 -m compileall -q . && python3 checks.py\n"
_CHECK = 'import pathlib\nassert "FROM docker.io/library/python" in pathlib.Path("Dockerfile").read_text()\n'
_AUTHOR = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")


def base_image() -> str:
    """The repository and tag, in the local registry, of what stands for the Dockerfile's base image."""
    pip = requirements_layer(HERE / "base-requirements.txt", "/opt/pip")
    program = files_layer([Entry("/usr/bin/pip", data=_PIP)])
    env = {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "PYTHONPATH=/opt/pip"], "Cmd": ["python3"]}
    build([Image(BASE, (python_layer(), busybox_layer(), pip, program), env)])
    reference = Reference.parse(BASE)
    return f"{reference.repository}:{reference.tag}"


@dataclass
class Place:
    """``images``: registry and folder of the app's images; ``secrets``: what must be shown nowhere."""

    folder: Path
    kube: KubeSession
    facts: dict[str, Any]
    receiver: Receiver
    images: str = field(default_factory=lambda: f"ghcr.io/pipeline-{secrets.token_hex(4)}")
    secrets: list[str] = field(default_factory=lambda: [PULLS, PUSHES, TOKEN])
    environments: dict[str, Environment] = field(default_factory=dict)
    runner: Runner = field(init=False)

    @property
    def work(self) -> Path:
        """A developer's clone."""
        return self.folder / "work"

    def prepare(self) -> None:
        """Both environments as an administrator makes them, and the repository, nothing pushed yet."""
        ready_to_build([Tool("buildah", "buildah"), Tool("skopeo", "skopeo")])
        base, registry, cosign = base_image(), self.facts["registry"], built(COSIGN)
        assert cosign, "signatures are made by cosign, which Go builds"
        settings = self.folder / "registries.conf"
        remapped = f'location = "{registry}"\ninsecure = true\n'
        settings.write_text(f'[[registry]]\n{remapped}[[registry]]\nprefix = "ghcr.io"\n{remapped}')
        env = {
            "PIPELINE_REGISTRY": registry, "PIPELINE_BASE": f"{registry}/{base}",
            "PIPELINE_STORE": str(FOLDER / "images"), "PIPELINE_TOLD": str(self.folder / "told"),
            "PIPELINE_COSIGN": str(cosign),
            "STORAGE_DRIVER": "overlay", "BUILDAH_ISOLATION": "chroot",
            "CONTAINERS_REGISTRIES_CONF": str(settings), "PIPELINE_KEPT": str(self._kept),
        }  # fmt: skip
        self._kept.mkdir()
        signing = self._key(cosign)
        self._repository((self.folder / "cosign.pub").read_text())
        self.environments["images"] = Environment(signing, ("branch:main",))
        for name in PORTS:
            kubeconfig = self._bootstrap(name)
            self.secrets.append(yaml.safe_load(kubeconfig)["users"][0]["user"]["token"])
            given = {"KUBECONFIG_FILE": kubeconfig}
            if name == "production":
                given["REGISTRY_PUSH_PASSWORD"] = PUSHES
            self.environments[name] = Environment(given, ("tag:v*.*.*",) if name == "production" else ())
            self.environments[f"{name}-rollback"] = Environment(
                {"KUBECONFIG_FILE": kubeconfig}, ("branch:main",), reviewers=True
            )
        self.runner = Runner(self.folder, self.environments, env)
        self.runner.secrets["NOTIFY_URL"] = self.receiver.url
        self.secrets.append(self.receiver.url)
        self.git("remote", "add", "origin", str(self.runner.origin))

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *_AUTHOR, *arguments], cwd=self.work, text=True, check=True, stdout=subprocess.PIPE
        )
        return done.stdout.strip()

    def commit(self, message: str, **files: str) -> str:
        """``files``: names of files, and their text; empty for the file to go."""
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text) if text else path.unlink()
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def push(self, *refs: str) -> list[Run]:
        """The runs that it starts."""
        self.git("push", "-q", "origin", *(refs or ("main",)))
        return self.runner.take()

    def merge(self, message: str, **files: str) -> Run:
        """A commit, pushed to main."""
        self.commit(message, **files)
        [run] = self.push()
        return run

    def merge_again(self, message: str, **files: str) -> Run:
        """The same in place of the last commit."""
        self.git("reset", "-q", "--hard", "HEAD~1")
        self.commit(message, **files)
        [run] = self.push("--force", "main")
        return run

    def refused(self, environment: str, playbook: str, **env: str) -> str:
        """What somebody at a laptop reads, with the deployer's credential; single-spaced. It has to fail."""
        credential = self.folder / "laptop.kubeconfig"
        credential.write_text(self.environments[environment].secrets["KUBECONFIG_FILE"])
        given = {**clean_environ(), "KUBECONFIG": str(credential), "ANSIBLE_COLLECTIONS_PATH": str(TOP / "collections")}
        done = subprocess.run(
            ["ansible-playbook", f"todo.cloud.{playbook}", "-i", f"deploy/inventories/{environment}"],
            cwd=self.work, env={**given, "PWD": str(self.work), **env}, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode != 0, done.stdout[-3000:]
        return " ".join(done.stdout.split())

    def tag(self, name: str, commit: str = "HEAD") -> Run:
        self.git("tag", "--force", name, commit)
        [run] = self.push("--force", name)
        return run

    def entries(self, entries: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, str]:
        """The file that says the app's services, for a commit; ``entries``: more of some."""
        content = yaml.safe_load((HERE / "deploy/app.yml").read_text())
        for name, more in (entries or {}).items():
            content["services"][name] |= more
        return {"deploy/inventories/app.yml": yaml.safe_dump(content)}

    @contextmanager
    def given(self, environment: str, **secrets: str) -> Iterator[None]:
        """An environment has these secrets and no others, for runs that begin meanwhile."""
        before = self.environments[environment]
        self.environments[environment] = replace(before, secrets=secrets)
        try:
            yield
        finally:
            self.environments[environment] = before

    def url(self, environment: str) -> str:
        return f"http://{self.facts['node_ip']}:{PORTS[environment]}"

    def version(self, environment: str) -> str:
        """The one that a visitor gets; empty while nothing answers."""
        try:
            return str(httpx.get(self.url(environment), timeout=5).headers.get("x-app-version", ""))
        except httpx.HTTPError:
            return ""

    @contextmanager
    def user(self, environment: str) -> Iterator[httpx.Client]:
        """A registered one."""
        with httpx.Client(
            base_url=self.url(environment), timeout=10, headers={"Origin": self.url(environment)}
        ) as http:
            login = {"username": f"user-{secrets.token_hex(4)}", "password": secrets.token_hex(8)}
            for step in ("register", "login"):
                http.post(f"/api/auth/{step}", json=login).raise_for_status()
            http.post("/api/tasks", json={"title": "one"}).raise_for_status()
            yield http

    def digests(self, environment: str) -> dict[str, set[str]]:
        """What the containers of each service really run."""
        found: dict[str, set[str]] = {name: set() for name in SERVICES}
        for pod in self.kube.list_(POD, f"todo-{environment}")[0]:
            name = pod["metadata"]["labels"].get("app.kubernetes.io/instance", "")
            if name in found and not pod["metadata"].get("deletionTimestamp"):
                found[name] |= {
                    each["imageID"].partition("@")[2] for each in pod["status"].get("containerStatuses", ())
                }
        return found

    def pods(self, environment: str, *services: str) -> set[str]:
        """Names of the pods of these services; without any of all."""
        return {
            pod["metadata"]["name"]
            for pod in self.kube.list_(POD, f"todo-{environment}")[0]
            if pod["metadata"]["labels"].get("app.kubernetes.io/instance") in (services or SERVICES)
            and not pod["metadata"].get("deletionTimestamp")
        }

    def state(self, environment: str) -> dict[str, str]:
        """All that is there, once it has settled: old pods are gone, nothing is written for a while."""

        def settled() -> dict[str, str] | None:
            pods = self.kube.list_(POD, f"todo-{environment}")[0]
            seen = self._state(environment)
            time.sleep(2)
            still = seen == self._state(environment)
            return seen if still and not any(pod["metadata"].get("deletionTimestamp") for pod in pods) else None

        found: dict[str, str] = until(settled, 120, f"nothing happens in {environment}")
        return found

    def _state(self, environment: str) -> dict[str, str]:
        """By kind and name, with what changes when it is written; and how often each table of its database was."""
        namespace = f"todo-{environment}"
        found = {}
        for kind in self.kube.served():
            changing = kind.plural in ("events", "leases") or kind.label.endswith(".metrics.k8s.io")
            if kind.namespaced and not changing:
                for each in self.kube.list_(kind, namespace)[0]:
                    found[f"{kind.label}/{each['metadata']['name']}"] = each["metadata"].get("resourceVersion", "")
        with psycopg.connect(self._database(environment)) as connection:
            rows = connection.execute("SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables")
            return found | {f"table {name}": str(written) for name, written in rows}

    def digest(self, service: str, tag: str) -> str:
        """Of an image by its tag or digest, in the registry; empty if it is not there."""
        accept = {"Accept": f"{MANIFEST}, {INDEX}, {DOCKER}"}
        found = httpx.head(f"{self._repository_url(service)}/manifests/{tag}", headers=accept, trust_env=False)
        return str(found.headers.get("docker-content-digest", ""))

    def move_tag(self, service: str, tag: str, *, to: str = "") -> str:
        """To the same image in another form, so with another digest, which is returned; ``to``: another tag instead."""
        at = f"docker://{self.facts['registry']}/{self.images.partition('/')[2]}/{service}"
        form = ["--quiet", "--format", "v2s2", "--src-tls-verify=false", "--dest-tls-verify=false"]
        subprocess.run(["skopeo", "copy", *form, f"{at}:{tag}", f"{at}:{to or tag}"], check=True)
        return self.digest(service, to or tag)

    def move_back(self, service: str, tag: str, digest: str) -> None:
        url = self._repository_url(service)
        manifest = httpx.get(f"{url}/manifests/{digest}", headers={"Accept": MANIFEST}, trust_env=False)
        kind = {"Content-Type": manifest.headers["content-type"]}
        httpx.put(f"{url}/manifests/{tag}", content=manifest.content, headers=kind, trust_env=False).raise_for_status()

    def unsign(self, service: str, digest: str) -> None:
        """Somebody deletes its signature."""
        tag = digest.replace(":", "-")
        found = [found for each in (tag, f"{tag}.sig") if (found := self.digest(service, each))]
        assert found
        for each in found:
            url = f"{self._repository_url(service)}/manifests/{each}"
            httpx.delete(url, trust_env=False).raise_for_status()

    def named(self, environment: str) -> set[tuple[str, str]]:
        """Service and digest of each image that a release set names."""
        found = set()
        for each in self.kube.list_(CONFIG_MAP, f"todo-{environment}", label_selector=RECORD_LABEL)[0]:
            for member in unpack(each).members.values():
                image = str(member.values.get("image", ""))
                if "@" in image:
                    found.add((member.name, image.partition("@")[2]))
        return found

    def _repository_url(self, service: str) -> str:
        return f"http://{self.facts['registry']}/v2/{self.images.partition('/')[2]}/{service}"

    def signatures(self, service: str) -> list[str]:
        """Tags of signatures, in the registry."""
        return [tag for tag in self._tags(service) if tag.startswith("sha256-")]

    def tags(self, service: str) -> list[str]:
        """Of an image, in the registry."""
        return [tag for tag in self._tags(service) if not tag.startswith("sha256-")]

    def _tags(self, service: str) -> list[str]:
        answer = httpx.get(f"{self._repository_url(service)}/tags/list", trust_env=False)
        return sorted(answer.json().get("tags") or []) if answer.status_code == 200 else []

    def clean_up(self) -> None:
        """Images go from the registry, which other clusters have too, and credentials of runs that were killed."""
        for run in self.runner.runs:
            for kind in ("kubeconfig", "log"):
                Path(f"/dev/shm/{kind}-{run.identity}").unlink(missing_ok=True)
        for service in SERVICES:
            for tag in self._tags(service):
                if digest := self.digest(service, tag):
                    httpx.delete(f"{self._repository_url(service)}/manifests/{digest}", trust_env=False)

    @property
    def _kept(self) -> Path:
        return self.folder / "kept"

    def artefacts(self, run: Run) -> dict[str, str]:
        """What a run keeps, by name."""
        mark = f"{run.identity}-"
        return {file.name.removeprefix(mark): file.read_text() for file in self._kept.glob(f"{mark}*")}

    def comment(self) -> str:
        """That of the pull request."""
        return (self.folder / "told").read_text()

    def messages(self, run: Run) -> list[str]:
        """What a chat got of a run."""
        return [each["text"] for each in self.receiver.messages if each["text"].endswith(f"/runs/{run.identity}")]

    def events(self, environment: str) -> list[dict[str, Any]]:
        """Oldest first."""
        found = self.kube.find(CONFIG_MAP, f"todo-{environment}", "release-events")
        return [json.loads(text) for _name, text in sorted((found or {}).get("data", {}).items())]

    def generation(self, environment: str, name: str) -> int:
        """How often the deployment of a service was changed."""
        found = self.kube.find(DEPLOYMENT, f"todo-{environment}", name)
        return int(found["metadata"]["generation"]) if found else 0

    def _key(self, cosign: Path) -> dict[str, str]:
        """Secrets of whoever signs; the public key is the file cosign.pub."""
        password = secrets.token_hex(16)
        argv = [str(cosign), "generate-key-pair", "--output-key-prefix", "cosign"]
        subprocess.run(argv, cwd=self.folder, env={**os.environ, "COSIGN_PASSWORD": password}, check=True)
        key = (self.folder / "cosign.key").read_text()
        self.secrets += [password, key.splitlines()[1]]
        return {"COSIGN_PRIVATE_KEY": key, "COSIGN_PASSWORD": password}

    def _repository(self, key: str) -> None:
        left = shutil.ignore_patterns("__pycache__", ".gitlab-ci.yml")
        shutil.copytree(APP, self.work, ignore=left)
        deploy = self.work / "deploy"
        for name in PORTS:
            inventory = deploy / "inventories" / name
            shutil.copytree(TOP / "inventories" / name, inventory, ignore=shutil.ignore_patterns("host_vars"))
            shutil.copy(HERE / "deploy/hosts.yml", inventory / "hosts.yml")
            shutil.copy(HERE / "deploy/here.yml", inventory / "group_vars/all/zz_here.yml")
            here = {
                "images": self.images,
                "node": self.facts["node_ip"],
                "port": PORTS[name],
                "registry": self.facts["registry"],
                "key": key,
            }
            (inventory / "group_vars/all/zz_machine.yml").write_text(yaml.safe_dump({"here": here}))
        shutil.copy(HERE / "deploy/app.yml", deploy / "inventories/app.yml")
        shutil.copy(TOP / "requirements.txt", deploy / "requirements.txt")
        (deploy / "requirements.yml").write_text("collections: []\n")
        (self.work / "Makefile").write_text(_TESTS)
        (self.work / "checks.py").write_text(_CHECK)
        subprocess.run(["git", "init", "-q", "-b", "main", self.work], check=True)
        self.commit("The app")

    def _bootstrap(self, name: str) -> str:
        """The deployer's kubeconfig."""
        database = self._database(name)
        key, token = secrets.token_hex(16), secrets.token_hex(16)
        self.secrets += [key, token, urlsplit(database).password or ""]
        env = {
            **clean_environ(), "KUBECONFIG": os.environ["TODO_CLOUD_TEST_KUBECONFIG"],
            "TODO_DATABASE_URL": database, "TODO_SECRET_KEY": key, "TODO_SERVICE_TOKEN": token,
            "TODO_REGISTRY_PASSWORD": PULLS, "ANSIBLE_COLLECTIONS_PATH": str(TOP / "collections"),
            "TODO_VERSION": "none", "PWD": str(self.folder),
        }  # fmt: skip
        begun = time.monotonic()
        done = subprocess.run(
            ["ansible-playbook", "todo.cloud.bootstrap", "-i", f"work/deploy/inventories/{name}"],
            cwd=self.folder, env=env, text=True, check=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-6000:]
        print(f"{name} is made in {time.monotonic() - begun:.0f} s", flush=True)
        return (self.folder / f"{name}-deployer.kubeconfig").read_text()

    def _database(self, name: str) -> str:
        """Connection string of the environment's own database, which is made at the first call."""
        with psycopg.connect(self.facts["database_url_admin"], autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                password = self._passwords.setdefault(name, secrets.token_hex(8))
                connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
                connection.execute(f"CREATE DATABASE {name} OWNER {name}")
        parts = urlsplit(self.facts["database_url"])
        place = f"{name}:{self._passwords[name]}@{parts.hostname}:{parts.port or 5432}"
        return f"postgresql://{place}/{name}"

    _passwords: dict[str, str] = field(default_factory=dict)
