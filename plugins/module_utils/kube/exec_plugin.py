# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs exec plugins of kubeconfigs for the client library, which would wait for one for ever, and show what it wrote.

Rules: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Any

from ..known_secrets import KNOWN
from ..parsing import read_json
from ..processes import dies_with_parent, ends_within, lasting, memory_file

SECONDS = 60.0  # that a plugin may take: some ask a cloud twice, none may wait for a person
_TICK_SECONDS = 0.02  # what it writes is held in memory: in a quarter of a second 190 MiB
_MOST = 1 << 20  # bytes that it may write
_SAID = 4000  # characters of its errors
_WORDS = 100  # of an output that is no ExecCredential: what it is, nobody knows
_SECRETS = ("token", "clientKeyData")
_EXTENSION = "client.authentication.k8s.io/exec"


def take_over() -> None:
    """From now on the client library runs exec plugins by this file."""
    from kubernetes.config import ConfigException, kube_config
    from kubernetes.config.exec_provider import ExecProvider

    if getattr(kube_config.ExecProvider, "bounded", False):
        return

    class Bounded(ExecProvider):  # type: ignore[misc]  # the library ships no type information
        """Reads the kubeconfig as the library does."""

        bounded = True

        def run(self, previous_response: object = None) -> Mapping[str, Any]:
            spec: dict[str, Any] = {"interactive": False}
            if self.cluster:
                spec["cluster"] = _cluster(self.cluster.value)
            info = {"apiVersion": self.api_version, "kind": "ExecCredential", "spec": spec}
            try:
                return run_plugin(
                    self.args, self.cwd, {**self.env, "KUBERNETES_EXEC_INFO": json.dumps(info)}, self.api_version
                )
            except ValueError as exc:
                raise ConfigException(str(exc)) from None

    kube_config.ExecProvider = Bounded


def _cluster(cluster: Mapping[str, Any]) -> dict[str, Any]:
    extensions = cluster.get("extensions") or ()
    config = next((each["extension"] for each in extensions if each["name"] == _EXTENSION), None)
    return {**cluster, **({} if config is None else {"config": config})}


def run_plugin(argv: Sequence[str], cwd: str | None, env: Mapping[str, str], version: str) -> Mapping[str, Any]:
    """The status of the ExecCredential that a plugin prints. What it holds is masked wherever it appears from now on.

    It is killed with all that it started after SECONDS, and with this process. Raises OSError, or ValueError with a
    sentence that holds nothing of its output, and of its errors what is no secret.
    """
    with memory_file(b"", "output") as stdout, memory_file(b"", "errors") as stderr:
        with subprocess.Popen(  # pylint: disable=ansible-bad-function  # no module is at hand here
            list(argv), cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            start_new_session=True, preexec_fn=dies_with_parent(),
        ) as process:  # fmt: skip
            stopped = "it was interrupted"
            try:
                stopped = _stopped(process, (stdout, stderr))
            finally:
                if stopped:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
        stdout.seek(0)
        stderr.seek(0)
        output, errors = stdout.read(_MOST), stderr.read(_MOST).decode(errors="replace")
    status = _status(output)
    secrets = [status.get(key) for key in _SECRETS] if status else output.decode(errors="replace").split()[:_WORDS]
    KNOWN.add(text for text in secrets if isinstance(text, str))
    problem = stopped or (f"it ended with exit code {process.returncode}" if process.returncode else "")
    if problem:
        said = KNOWN.hidden_in(errors).strip()[:_SAID]
        raise ValueError(f"{problem}{f': {said}' if said else ''}")
    if not status:
        raise ValueError("what it printed is not an ExecCredential with a status: missing token")
    if read_json(output).get("apiVersion") != version:
        raise ValueError(f"its answer has another apiVersion than the kubeconfig asks for ({version})")
    return status


def _stopped(process: subprocess.Popen[bytes], written: Sequence[IO[bytes]]) -> str:
    """Waits for the end; why it has to be killed, else empty."""
    until = lasting() + SECONDS
    while not ends_within(process, _TICK_SECONDS):
        if sum(os.fstat(file.fileno()).st_size for file in written) > _MOST:
            return f"it was killed since it printed more than {_MOST >> 20} MiB"
        if lasting() > until:
            return f"it was killed after {SECONDS:.0f} s; run it once by hand, it may wait for a login"
    return ""


def _status(output: bytes) -> Mapping[str, Any]:
    """Of an ExecCredential; empty when it is none."""
    try:
        found = read_json(output)
    except ValueError:
        return {}
    status = found.get("status") if isinstance(found, Mapping) and found.get("kind") == "ExecCredential" else None
    return status if isinstance(status, Mapping) else {}
