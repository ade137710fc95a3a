# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Helm program: arguments for Helm 4 and Helm 3, values by standard input, one clear error per failed call.

Helm applies manifests but never waits for workloads (only for hooks of third-party charts). storage.py reads releases.
"""

from __future__ import annotations

import copy
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..failure import Code, Failure, error, exhausted
from ..files import content_of, files_below
from ..kube.api import Check, always_allowed
from ..parsing import read_json
from ..proxies import reached_directly
from .errors import HelmError, error_of, killed, limit_reached, skipped_hooks
from .names import check_chart, check_label, check_name, check_namespace
from .process import Completed, Runner, TookTooLong, kubeconfig_file, run_process
from .program import ApplyRequest, HelmVersion, Rendered
from .values import integer_options, values_text

_RETRY_SECONDS = (0.5, 1.0, 2.0)
# Where Helm's own repositories, logins, caches and plugins are, and how fast it may ask.
_OWN_SETTINGS = frozenset({
    "HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME", "HELM_CONTENT_CACHE", "HELM_REPOSITORY_CONFIG",
    "HELM_REPOSITORY_CACHE", "HELM_REGISTRY_CONFIG", "HELM_PLUGINS", "HELM_NO_PLUGINS", "HELM_BURST_LIMIT", "HELM_QPS",
})  # fmt: skip
_PULL_SECONDS = 300.0
_GRACE_SECONDS = 30.0  # how much longer than its --timeout a Helm process may take


@dataclass
class _Used:
    """State that all guarded copies of one HelmCli share."""

    version: HelmVersion | None = None
    calls: int = 0  # Helm processes started that ask the cluster
    asking: threading.Lock = field(default_factory=threading.Lock)


class HelmCli:
    """Calls of one Helm program. Threads may share it.

    ``kubeconfig`` is called before each Helm call, so that Helm gets a renewed token.
    """

    def __init__(
        self, kubeconfig: Callable[[], Mapping[str, Any]], binary: str = "helm", run: Runner = run_process
    ) -> None:
        self._binary = binary
        self._kubeconfig = kubeconfig
        self._run = run
        self._check: Check = always_allowed
        self._used = _Used()

    @property
    def version(self) -> HelmVersion:
        """Read once."""
        return self._ask_version()

    def _ask_version(self) -> HelmVersion:
        with self._used.asking:
            if self._used.version is None:
                done = self._call(["version", "--template", "{{.Version}}"], env=_clean_env(), pass_fds=(), timeout=30)
                self._used.version = HelmVersion.parse(done.stdout)
            return self._used.version

    @property
    def calls(self) -> int:
        """Helm processes started that ask the cluster."""
        return self._used.calls

    def guarded(self, check: Check) -> HelmCli:
        """The same Helm for work under a lock: ``check`` is called before each write, and while Helm runs."""
        guarded = copy.copy(self)
        guarded._check = check
        return guarded

    def apply(self, request: ApplyRequest) -> None:
        """Installs or upgrades a release; HelmError when Helm fails."""
        self._write(self._apply_argv(request), request.values, request.timeout)

    def render(self, request: ApplyRequest) -> Rendered:
        """What ``apply`` would store, from a server-side dry run; it contains Secrets in plain text."""
        argv = [*self._apply_argv(request), "--dry-run=server", "--output", "json"]
        done = self._ask(argv, request)
        out = done.stdout
        try:
            release = read_json(out[out.index("{") :])  # some versions print "Pulled: ..." first
            hooks = tuple(str(hook["manifest"]) for hook in release.get("hooks") or ())
            if not {"manifest", "info"} & release.keys():
                raise KeyError("manifest")
            # Where there are hooks only, the manifest is left out.
            return Rendered(str(release.get("manifest") or ""), hooks, skipped_hooks(done.stderr))
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise error(
                Code.HELM_FAILED, f"{request.name}: Helm's dry run printed no release.", release=request.name
            ) from exc

    def template(self, request: ApplyRequest, *, kubernetes: str = "") -> str:
        """What the chart renders for a first installation, hooks included, without asking a server."""
        _check(request)
        argv = ["template", request.name, request.chart, "--namespace", request.namespace, "--values", "-"]
        argv += ["--kube-version", kubernetes] if kubernetes else ["--skip-schema-validation"]
        argv += integer_options(request.values)
        argv += ["--version", request.chart_version] if request.chart_version else []
        stdin = values_text(request.values)
        done = self._call(argv, stdin=stdin, env=_clean_env(), pass_fds=(), timeout=request.timeout)
        if done.returncode != 0:
            raise error_of(argv[0], request.name, done.stderr or done.stdout)
        return done.stdout

    def crds(self, request: ApplyRequest) -> str:
        """What Helm creates with a first installation beside what it renders."""
        _check(request)
        argv = ["show", "crds", request.chart, *(["--version", request.chart_version] if request.chart_version else [])]
        for pause in (*_RETRY_SECONDS, None):
            done = self._call(argv, env=_clean_env(), pass_fds=(), timeout=request.timeout)
            if done.returncode == 0:
                break
            failed = error_of(argv[0], request.name, done.stderr or done.stdout)
            if pause is None or not failed.transient:
                raise failed
            time.sleep(pause)
        return done.stdout

    def pull(self, chart: str, version: str, folder: Path) -> bytes:
        """The archive of a chart that is elsewhere; ``folder`` is empty, and only for it. Raises HelmError."""
        check_chart(chart, version)
        argv = ["pull", chart, "--destination", str(folder), *(["--version", version] if version else [])]
        for pause in (*_RETRY_SECONDS, None):
            done = self._call(argv, env=_clean_env(), pass_fds=(), timeout=_PULL_SECONDS)
            found = sorted(folder.glob("*.tgz"))
            if done.returncode == 0 and found:
                return content_of(found[0])
            failed = error_of(argv[0], chart, done.stderr or done.stdout)
            if pause is None or not failed.transient:
                raise failed
            time.sleep(pause)
        raise AssertionError("the last try raises")

    def _ask(self, argv: Sequence[str], request: ApplyRequest) -> Completed:
        """A call that changes nothing, retried after transient faults."""
        for pause in _RETRY_SECONDS:
            try:
                return self._with_cluster(argv, request.values, request.timeout)
            except HelmError as exc:
                if not exc.transient:
                    raise
                time.sleep(pause)
        return self._with_cluster(argv, request.values, request.timeout)

    def rollback(
        self,
        name: str,
        namespace: str,
        revision: int,
        *,
        timeout: int = 300,
        history_max: int = 40,
    ) -> None:
        """Rolls back to a stored revision; ``revision`` must be above 0, since 0 would mean the previous one."""
        if revision < 1:
            raise error(
                Code.INVALID_INPUT, f"{name}: a rollback needs the number of a revision, not {revision}.", release=name
            )
        check_name(name)
        check_namespace(namespace)
        argv = [
            "rollback",
            name,
            str(revision),
            "--namespace",
            namespace,
            "--history-max",
            str(history_max),
            "--timeout",
            f"{timeout}s",
        ]
        self._write(argv, None, timeout)

    def uninstall(self, name: str, namespace: str, *, timeout: int = 300) -> None:
        """Removes a release and its history, if it exists."""
        check_name(name)
        check_namespace(namespace)
        argv = ["uninstall", name, "--namespace", namespace, "--ignore-not-found", "--timeout", f"{timeout}s"]
        self._write(argv, None, timeout)

    def _apply_argv(self, request: ApplyRequest) -> list[str]:
        _check(request)
        argv = ["upgrade", "--install", request.name, request.chart, "--namespace", request.namespace]
        argv += ["--values", "-", "--reset-values"]  # else empty values would mean the values of the last release
        # Otherwise Helm spends two thirds of its time on the server's OpenAPI documents, only to find that the server
        # itself refuses unknown fields (since Kubernetes 1.27).
        argv.append("--disable-openapi-validation")
        argv += ["--history-max", str(request.history_max), "--timeout", f"{request.timeout}s"]
        if request.chart_version:
            argv += ["--version", request.chart_version]
        if request.labels:
            argv += ["--labels", ",".join(f"{key}={value}" for key, value in sorted(request.labels.items()))]
        if request.description:
            argv += ["--description", request.description]
        if request.take_ownership:
            argv.append("--take-ownership")
        if request.skip_crds:
            argv.append("--skip-crds")
        return [*argv, *integer_options(request.values), *self._force(request.force_conflicts)]

    def _force(self, force_conflicts: bool) -> list[str]:
        if not force_conflicts:
            return []
        if self.version.major < 4:
            raise error(Code.INVALID_INPUT, "force_conflicts needs Helm 4: Helm 3 has no server-side apply.")
        return ["--force-conflicts"]

    def _write(self, args: Sequence[str], values: Mapping[str, Any] | None, timeout: int) -> None:
        self._check()
        self._with_cluster(args, values, timeout, self._check)

    def _with_cluster(
        self, args: Sequence[str], values: Mapping[str, Any] | None, timeout: int, check: Check = always_allowed
    ) -> Completed:
        self._ask_version()  # refuses an unsupported program before it writes anything
        stdin = b"" if values is None else values_text(values)
        config = self._kubeconfig()
        try:
            with kubeconfig_file(config) as (path, descriptors):
                self._used.calls += 1
                done = self._call(
                    args,
                    stdin=stdin,
                    env={**_environment(config), "KUBECONFIG": path},
                    pass_fds=descriptors,
                    timeout=timeout + _GRACE_SECONDS,
                    check=check,
                )
        except OSError as exc:
            if failure := exhausted(exc):
                raise HelmError(failure, transient=False) from exc
            raise
        if done.returncode != 0:
            raise error_of(args[0], _release_of(args), done.stderr or done.stdout, _namespace_of(args))
        return done

    def _call(
        self,
        args: Sequence[str],
        *,
        env: Mapping[str, str],
        pass_fds: Sequence[int],
        timeout: float,
        stdin: bytes = b"",
        check: Check = always_allowed,
    ) -> Completed:
        if any("\0" in each for each in args):
            message = f"{_release_of(args)}: a name or value for Helm contains a NUL character."
            raise error(Code.INVALID_INPUT, message, release=_release_of(args))
        try:
            done = self._run(
                [self._binary, *args], stdin=stdin, env=env, pass_fds=pass_fds, timeout=timeout, check=check
            )
        except (FileNotFoundError, PermissionError) as exc:
            raise error(
                Code.HELM_MISSING,
                f"The Helm program {self._binary!r} cannot be run: install Helm 4, or name it in helm_binary.",
            ) from exc
        except OSError as exc:
            if failure := exhausted(exc):
                raise HelmError(failure, transient=False) from exc
            raise
        except TookTooLong as exc:
            whose = f"{release}: " if (release := _release_of(args)) else ""
            stopped = " It was stopped (SIGSTOP) when that was over." if exc.stopped else ""
            message = f"{whose}helm {args[0]} was killed after {timeout:.0f} s.{stopped}"
            failure = Failure(Code.HELM_FAILED, message, {"command": args[0]})
            raise HelmError(failure, transient=False) from exc
        if done.killed_by:
            raise killed(args[0], _release_of(args), done.killed_by, out_of_memory=done.out_of_memory)
        if done.returncode and (limit := limit_reached(args[0], _release_of(args), done.stderr)):
            raise limit
        return done


def _check(request: ApplyRequest) -> None:
    """Nothing in a request may become an option, nor name a file outside of the chart. Raises invalid_input."""
    check_name(request.name)
    check_namespace(request.namespace)
    check_chart(request.chart, request.chart_version)
    if os.path.isdir(request.chart):
        files_below(Path(request.chart))  # refuses links out of it, which Helm follows
    for key, value in request.labels.items():
        check_label(key, value)


def _release_of(args: Sequence[str]) -> str:
    return next((a for a in args[1:] if not a.startswith("-")), "") if args[0] != "version" else ""


def _namespace_of(args: Sequence[str]) -> str:
    return next((after for one, after in pairwise(args) if one == "--namespace"), "")


def _clean_env() -> dict[str, str]:
    """The caller's environment without variables that would select another cluster, user, storage or namespace."""
    return {
        key: value for key, value in os.environ.items() if not key.startswith(("HELM_", "KUBE")) or key in _OWN_SETTINGS
    }


def _environment(kubeconfig: Mapping[str, Any]) -> dict[str, str]:
    """The same, so that Helm reaches the API server by the way that the kubeconfig says: by its proxy, or directly."""
    cluster: Mapping[str, Any] = next((each["cluster"] for each in kubeconfig.get("clusters") or ()), {})
    environ = _clean_env()
    return environ if cluster.get("proxy-url") else reached_directly(environ, cluster.get("server", ""))
