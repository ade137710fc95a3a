# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What integration tests share: objects in and out of the cluster, modules run for real, conditions waited for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible.release import __version__ as ansible_version
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import APPLY
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import NotFound
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CRD
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.schemas import check_result
from tests.support.environ import clean_environ
from tests.support.module_server import ModuleServer
from tests.support.patience import patience

TOP = Path(__file__).resolve().parents[2]
BUSYBOX = "docker.io/library/busybox:1.36"


def documents(path: Path) -> list[dict[str, Any]]:
    """The objects of a YAML file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def apply(kube: KubeSession, namespace: str, objects: Iterable[Mapping[str, Any]]) -> None:
    """Server-side apply of objects into a namespace."""
    for obj in objects:
        resource = kube.resource(obj["apiVersion"], obj["kind"])
        where = namespace if resource.namespaced else ""
        kube.patch(
            resource, where, obj["metadata"]["name"], dict(obj), content_type=APPLY, field_manager="tests", force=True
        )


def eventually(what: str, check: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first true value of ``check``; fails the test when there was none within so many seconds (see patience)."""
    seconds = patience(seconds)
    end = time.monotonic() + seconds
    while not (value := check()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.2)
    return value


@contextmanager
def custom_kinds(kube: KubeSession, group: str, kinds: Mapping[str, bool]) -> Iterator[None]:
    """Kinds of an API group exist meanwhile; of each, whether it has a status subresource."""
    plurals = {kind: f"{kind.lower()}s" for kind in kinds}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    for kind, reports in kinds.items():
        version = {"name": "v1", "served": True, "storage": True, "schema": schema,
                   **({"subresources": {"status": {}}} if reports else {})}  # fmt: skip
        spec = {"group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plurals[kind]},
                "versions": [version]}  # fmt: skip
        meta = {"name": f"{plurals[kind]}.{group}"}
        kube.create(CRD, "", {"apiVersion": CRD.api_version, "kind": CRD.kind, "metadata": meta, "spec": spec})

    def served(kind: str) -> bool:
        with suppress(NotFound):
            return bool(kube.resource(f"{group}/v1", kind))
        return False

    eventually("the kinds are served", lambda: all(served(kind) for kind in kinds))
    try:
        yield
    finally:
        for plural in plurals.values():
            kube.delete(CRD, "", f"{plural}.{group}")


@dataclass(frozen=True)
class ModuleRun:
    """A module's result as Ansible got it."""

    result: dict[str, Any]
    failed: bool
    output: str

    @property
    def code(self) -> str:
        """Code of the failure, empty without one."""
        return str(self.result.get("failure", {}).get("code", ""))


def run_module(
    name: str,
    params: Mapping[str, Any],
    kubeconfig: str,
    *,
    check: bool = False,
    diff: bool = False,
    timeout: float = 300,
    env: Mapping[str, str] | None = None,
    by_ansible: bool = False,
) -> ModuleRun:
    """Run a module of this collection in a process of its own, with what Ansible would hand to it.

    ``env``: further variables, which its process is started with. ``by_ansible``: by ``ansible localhost``, as a user
    would.
    """
    timeout = patience(timeout)
    if by_ansible:
        return _run_by_ansible(name, params, kubeconfig, check=check, diff=diff, timeout=timeout)
    ansibles = {"_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_version": ansible_version}
    given = {**params, **ansibles}
    if env:
        output = _run_alone(name, given, environment(kubeconfig) | dict(env), timeout)
    else:
        output = _server().run(name, given, environment(kubeconfig), timeout)
    if "{" not in output:
        raise AssertionError(f"{name} gave no result:\n{output}")
    result = json.loads(output[output.index("{") :])
    check_result(name, result)
    return ModuleRun(result, bool(result.get("failed")), output)


@cache
def _server() -> ModuleServer:
    """One for all tests of this process; it ends with it."""
    return ModuleServer(TOP).__enter__()


def _run_alone(name: str, params: Mapping[str, Any], environ: Mapping[str, str], timeout: float) -> str:
    """What a module prints in a process that is started for it, with an environment of its own."""
    path = os.pathsep.join(filter(None, (environ.get("PYTHONPATH"), str(TOP / "collections"), str(TOP))))
    return subprocess.run(
        [sys.executable, "-m", "tests.support.module_server", name], input=json.dumps(params),
        env={**environ, "PYTHONPATH": path}, cwd=TOP, text=True, timeout=timeout, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ).stdout  # fmt: skip


def _run_by_ansible(
    name: str,
    params: Mapping[str, Any],
    kubeconfig: str,
    *,
    check: bool,
    diff: bool,
    timeout: float,
) -> ModuleRun:
    flags = [flag for flag, wanted in (("--check", check), ("--diff", diff)) if wanted]
    arguments = json.dumps(dict(params))
    command = [
        str(Path(sys.executable).with_name("ansible")),
        "localhost",
        "-m",
        f"todo.cloud.{name}",
        "-a",
        arguments,
        *flags,
    ]
    done = subprocess.run(
        [*command, "-e", f"ansible_python_interpreter={sys.executable}"],
        env={**environment(kubeconfig), "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}, cwd=TOP,
        capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    head, arrow, body = done.stdout.partition(" => ")
    if not arrow:
        raise AssertionError(f"{name} gave no result:\n{done.stdout}\n{done.stderr}")
    return ModuleRun(json.loads(body), "SUCCESS" not in head and "CHANGED" not in head, done.stdout + done.stderr)


def run_playbook(
    text: str, folder: Path, kubeconfig: str, *flags: str, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run a playbook given as text, with the checkout's ansible.cfg."""
    path = folder / "playbook.yml"
    path.write_text(text)
    command = [str(Path(sys.executable).with_name("ansible-playbook")), str(path), *flags]
    return subprocess.run(
        [*command, "-e", f"ansible_python_interpreter={sys.executable}"],
        env=environment(kubeconfig), cwd=TOP, capture_output=True, text=True, timeout=patience(timeout), check=False,
    )  # fmt: skip


def skewed(seconds: int) -> dict[str, str]:
    """Environment variables for a Python process whose wall clock is wrong."""
    return {"PYTHONPATH": str(TOP / "tests" / "support" / "skew"), "TEST_CLOCK_SKEW": str(seconds)}


def environment(kubeconfig: str) -> dict[str, str]:
    """The environment of an Ansible run against the test cluster."""
    return clean_environ() | {
        "K8S_AUTH_KUBECONFIG": kubeconfig,
        "ANSIBLE_COLLECTIONS_PATH": str(TOP / "collections"),
        "ANSIBLE_CONFIG": str(TOP / "ansible.cfg"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
    }
