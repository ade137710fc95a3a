"""The command line."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.cluster import machine, state
from tests.cluster.build import archive, charts, compiler, debian, images
from tests.cluster.build.parts import (
    BENCH_PARTS,
    DAPR_BEFORE_FILES,
    DAPR_BEFORE_PARTS,
    EDGE_FILES,
    EDGE_PARTS,
    ENGINE_FILES,
    ENGINE_PARTS,
    FILES,
    HTTPS_FILES,
    HTTPS_PARTS,
    MONITORING_FILES,
    MONITORING_PARTS,
    OLDEST_PARTS,
    PARTS,
)
from tests.cluster.engine import daemon, node_image
from tests.cluster.errors import ClusterError
from tests.cluster.kind import cluster as kind
from tests.cluster.kind import images as kind_images
from tests.cluster.kind.program import answering, find, usable
from tests.cluster.node import lifecycle
from tests.cluster.node.pki import PUBLIC_CA
from tests.cluster.paths import BIN, cache, tool_path
from tests.cluster.say import say

PROVIDERS = ("", "kind", "local")
PUBLIC_HOST = "todo.local.test"  # as in inventories/local
_CLEAN_UP_SECONDS = 30
_HTTPS_HELP = "have inventories/local deploy HTTPS (`build --https` has built it)"
_MONITORING_HELP = "have inventories/local deploy metrics, alerts and logs (`build --monitoring` has built them)"
_OLDEST_HELP = "of the oldest supported Kubernetes (`build --kubernetes-oldest` has built it); not with kind"
_METRICS_HELP = "have inventories/local deploy metrics-server, in place of the cluster's own; not with kind"
_POLICIES_HELP = "enforce network policies (`build --edge` has built what does it)"


def run(arguments: list[str]) -> int:
    """Run the command that the arguments name and return its exit code."""
    options = _parser().parse_args(arguments)
    code: int = options.run(options) or 0
    return code


def provider(name: str) -> str:
    """``kind`` or ``local``: what the cluster is already, else ``LOCAL_CLUSTER``, else kind where it can be used.

    Raises:
        ClusterError: LOCAL_CLUSTER is neither.
    """
    if state.exists(name):
        return state.load(name).provider
    chosen = os.environ.get("LOCAL_CLUSTER", "")
    if chosen not in PROVIDERS:
        raise ClusterError(f"LOCAL_CLUSTER is {chosen!r}: set it to kind or local, or leave it empty.")
    return chosen or ("kind" if usable() else "local")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m tests.cluster", description="A real Kubernetes on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    usual = os.environ.get("TODO_CLOUD_CLUSTER") or "local"  # as in inventories/local

    def command(
        name: str, action: Callable[[argparse.Namespace], int | None], text: str, *, named: bool = True
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        if named:
            text = "of the cluster (default: $TODO_CLOUD_CLUSTER, else local)"
            sub.add_argument("name", nargs="?", default=usual, metavar="NAME", help=text)
        sub.set_defaults(run=action)
        return sub

    command("venv", lambda _: None, "make the Python environment of development and tests", named=False)
    sub = command("build", _build, "build the cluster's parts and all images; what is there already is not built again")
    sub.add_argument("--images", action="store_true", help="only images, as far as they changed")
    sub.add_argument("--tests", action="store_true", help="also what only tests need")
    sub.add_argument("--bench", action="store_true", help="also what tests and the benchmark need")
    sub.add_argument(
        "--edge",
        action="store_true",
        help="as --https, and an ACME server, and what enforces network policies",
    )
    sub.add_argument("--https", action="store_true", help="also Traefik and cert-manager")
    sub.add_argument("--monitoring", action="store_true", help="also Prometheus with its operator, and VictoriaLogs")
    sub.add_argument("--dapr-before", action="store_true", help="also a version of Dapr to upgrade from")
    sub.add_argument("--kubernetes-oldest", action="store_true", help="also the oldest supported Kubernetes")
    sub.add_argument("--kind", action="store_true", help="also what kind needs where no container engine answers")
    sub.add_argument("--tools", action="store_true", help="only Helm, for unit tests; needs no root")
    sub = command("up", _up, "start a cluster; a running one is left as it is")
    sub.add_argument("--kwok-nodes", type=int, metavar="N", help="have N fake nodes beside the real one")
    sub.add_argument("--policies", action="store_true", help=_POLICIES_HELP)
    sub.add_argument("--https", action="store_true", help=_HTTPS_HELP)
    sub.add_argument("--metrics-server", action="store_true", help=_METRICS_HELP)
    sub.add_argument("--monitoring", action="store_true", help=_MONITORING_HELP)
    sub.add_argument("--oldest", action="store_true", help=_OLDEST_HELP)
    sub = command("down", _down, "stop a cluster and remove what it has on this machine")
    sub.add_argument("--purge", action="store_true", help="remove its state too")
    sub = command("with", _with, "start a cluster, run a command with TODO_CLOUD_TEST_* set for it, remove the cluster")
    sub.add_argument("--kwok-nodes", type=int, metavar="N", help="have N fake nodes beside the real one (before NAME)")
    sub.add_argument("--policies", action="store_true", help=f"{_POLICIES_HELP} (before NAME)")
    sub.add_argument("--https", action="store_true", help=f"{_HTTPS_HELP} (before NAME)")
    sub.add_argument("--metrics-server", action="store_true", help=f"{_METRICS_HELP} (before NAME)")
    sub.add_argument("--monitoring", action="store_true", help=f"{_MONITORING_HELP} (before NAME)")
    sub.add_argument("--oldest", action="store_true", help=f"{_OLDEST_HELP} (before NAME)")
    sub.add_argument("--provider", choices=PROVIDERS[1:], help="kind or local, instead of LOCAL_CLUSTER (before NAME)")
    sub.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- CMD [ARG...]")
    sub = commands.add_parser("status", help="say what is known of all clusters, or of one")
    sub.add_argument("name", nargs="?", metavar="NAME")
    sub.add_argument("--json", action="store_true", help="as JSON, with addresses and passwords")
    sub.set_defaults(run=_status)
    command("kubeconfig", _kubeconfig, "print the path of the administrator's kubeconfig")
    sub = command("load-image", _load_image, "push the images of a `docker save` archive where the cluster pulls from")
    sub.add_argument("archive", type=Path, metavar="ARCHIVE")
    sub = command("exec", _exec, "run a command inside the node")
    sub.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- CMD [ARG...]")
    command("env", _env, 'print what a shell needs for this cluster: eval "$(make env)"')
    command("guide", _guide, "say where the application answers and how to look around")
    sub = command("engine", _engine, "start or stop a container engine for kind on a machine without one", named=False)
    sub.add_argument("action", choices=("start", "stop"))
    sub.add_argument("--purge", action="store_true", help="stop: remove its images, volumes and programs too")
    command("clean", _clean, "remove all clusters and everything that was built", named=False)
    return parser


def _build(options: argparse.Namespace) -> None:
    if options.tools or options.tests:
        debian.keep([debian.PROMETHEUS])
    if provider(options.name) == "kind":
        program = kind.program_of(state.load(options.name)) if state.exists(options.name) else find()
        https = options.https or options.edge
        if https and program.is_ours:
            _build_https()
        return kind_images.build(program, https=https)
    if options.tools:
        compiler.build([entry for entry in PARTS if entry.name.startswith("helm")], [])
        return None
    machine.ready_to_run()  # reported now, not after a quarter of an hour
    machine.ready_to_build()
    if not options.images:
        tests = options.tests or options.bench
        https = options.https or options.edge
        engine = options.kind and ((found := answering()) is None or found.is_ours)
        with ThreadPoolExecutor(1) as beside:  # it mostly waits for downloads
            layers = beside.submit(images.prepare)
            compiler.build(
                [
                    *(entry for entry in PARTS if tests or not entry.for_tests),
                    *(BENCH_PARTS if options.bench else ()),
                    *(ENGINE_PARTS if engine else ()),
                    *(HTTPS_PARTS if https else ()),
                    *(EDGE_PARTS if options.edge else ()),
                    *(MONITORING_PARTS if options.monitoring else ()),
                    *(DAPR_BEFORE_PARTS if options.dapr_before else ()),
                    *(OLDEST_PARTS if options.kubernetes_oldest else ()),
                ],
                [
                    *(entry for entry in FILES if tests or not entry.for_tests),
                    *(ENGINE_FILES if engine else ()),
                    *(HTTPS_FILES if https else ()),
                    *(EDGE_FILES if options.edge else ()),
                    *(MONITORING_FILES if options.monitoring else ()),
                    *(DAPR_BEFORE_FILES if options.dapr_before else ()),
                ],
            )
            layers.result()
    wanted = [*images.system_images(), *images.platform_images(), *images.app_images()]
    if options.https or options.edge:
        _charts()
        wanted += images.https_images()
    if options.edge:
        wanted += images.edge_images()
    if options.monitoring:
        debian.keep([debian.ALERTMANAGER])
        charts.monitoring()
        wanted += images.monitoring_images()
    if options.dapr_before:
        wanted += images.dapr_before_images()
    if not images.build(wanted):
        say("all parts and images are built")
    return None


def _build_https() -> None:
    """On a machine without registries, for kind."""
    machine.ready_to_build()
    compiler.build([*HTTPS_PARTS], [*HTTPS_FILES])
    _charts()


def _charts() -> None:
    charts.cert_manager()
    charts.traefik()


def _up(options: argparse.Namespace) -> None:
    chosen, found_provider = os.environ.get("LOCAL_CLUSTER"), provider(options.name)
    if chosen not in (None, "", found_provider):
        say(f"cluster {options.name} is there already, of provider {found_provider}: LOCAL_CLUSTER={chosen} is ignored")
    if found_provider == "kind":
        if options.kwok_nodes:
            raise ClusterError("Fake nodes are for the bare-machine cluster: use LOCAL_CLUSTER=local.")
        if options.policies:
            raise ClusterError("Policies are enforced by the bare-machine cluster alone: use LOCAL_CLUSTER=local.")
        if options.monitoring:
            raise ClusterError("Monitoring is for the bare-machine cluster: use LOCAL_CLUSTER=local.")
        if options.oldest:
            raise ClusterError("The oldest Kubernetes is for the bare-machine cluster: use LOCAL_CLUSTER=local.")
        found = kind.up(options.name, https=options.https)
    else:
        wanted = {key: getattr(options, key) for key in ("policies", "https", "metrics_server", "monitoring", "oldest")}
        found = lifecycle.up(options.name, options.kwok_nodes, **wanted)
    print(f"export KUBECONFIG={found.kubeconfig}")


def _down(options: argparse.Namespace) -> None:
    if not state.exists(options.name):
        say(f"cluster {options.name} is not there: nothing to remove")
        return
    found = state.load(options.name)
    if found.provider == "kind":
        kind.down(found, purge=options.purge)
    else:
        lifecycle.down(found, purge=options.purge)


def _with(options: argparse.Namespace) -> int:
    """A fresh cluster for one command; it is removed whatever happens, also when this process is asked to end."""
    argv = _command_of(options)
    if options.provider:
        os.environ["LOCAL_CLUSTER"] = options.provider

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    # A shell's background job ignores interrupts, and so would the command that is to be interrupted at the end.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if state.exists(options.name):
        _down(argparse.Namespace(name=options.name, purge=True))
    try:
        _up(options)
        variables = {
            "TODO_CLOUD_TEST_CLUSTER": options.name,
            "TODO_CLOUD_TEST_KUBECONFIG": state.load(options.name).kubeconfig,
        }
        return _run_to_its_end(argv, {**os.environ, **variables})
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _down(argparse.Namespace(name=options.name, purge=True))


def _run_to_its_end(argv: list[str], environment: dict[str, str]) -> int:
    """Run a command; when this process is asked to end, the command is interrupted and may clean up for 30 s."""
    with subprocess.Popen(argv, env=environment) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_CLEAN_UP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            raise


def _status(options: argparse.Namespace) -> int:
    found = [state.load(options.name)] if options.name else state.known()
    facts = [{**entry.facts(), "running": _running(entry)} for entry in found]
    if options.json:
        print(json.dumps(facts[0] if options.name else facts, indent=2))
    else:
        for fact in facts:
            doing = "running" if fact["running"] else "stopped"
            print(
                f"{fact['name']}: {doing} ({fact['provider']}), node {fact['node_ip']}, KUBECONFIG={fact['kubeconfig']}"
            )
        if not facts:
            print("There is no cluster: `make up` starts one.")
    return 0 if not options.name or facts[0]["running"] else 3


def _running(entry: state.Cluster) -> bool:
    return kind.running(entry) if entry.provider == "kind" else lifecycle.pid(entry) is not None


def _kubeconfig(options: argparse.Namespace) -> None:
    print(state.load(options.name).kubeconfig)


def _env(options: argparse.Namespace) -> None:
    print(f"export {_variables(options.name)}")


def _variables(name: str) -> str:
    """What the programs of this checkout are found by, and the cluster, if there is one, as a shell takes it."""
    where = f"KUBECONFIG={shlex.quote(state.load(name).kubeconfig)} " if state.exists(name) else ""
    return f'{where}PATH={shlex.quote(str(BIN))}:{shlex.quote(str(cache() / "venv" / "bin"))}:"$PATH"'


def _load_image(options: argparse.Namespace) -> None:
    if state.exists(options.name) and (found := state.load(options.name)).provider == "kind":
        kind_images.load_archive(options.name, kind.program_of(found), options.archive)
        return
    for reference in archive.push_archive(options.archive):
        say(f"{reference} can be pulled in all local clusters")


def _exec(options: argparse.Namespace) -> int:
    found, argv = state.load(options.name), _command_of(options)
    if found.provider == "kind":
        return kind.execute(found, argv)
    return lifecycle.execute(found, argv)


def _guide(options: argparse.Namespace) -> None:
    found = state.load(options.name)
    prefix = "" if found.name == "local" else f"TODO_CLOUD_CLUSTER={found.name} "
    logs = f"kind export logs --name {found.name}" if found.provider == "kind" else found.folder / "log"
    say(f"the Todo app answers at {found.url}")
    ca = found.folder / "pki" / f"{PUBLIC_CA}.crt"
    leads = f"{PUBLIC_HOST}:443:{found.public_ip}:{found.https_port}"
    page = f"https://{PUBLIC_HOST}{'' if found.https_port == 443 else f':{found.https_port}'}/"
    by_https = f"""
  by HTTPS       curl --cacert {ca} --connect-to {leads} https://{PUBLIC_HOST}/
                 (a browser opens {page} with that authority, and in /etc/hosts the line
                 {found.public_ip} {PUBLIC_HOST})"""
    print(f"""{by_https if found.https else ""}
  look around    eval "$({prefix}make env)"     # kubectl, helm, ansible-playbook of this checkout
                 kubectl get pods --all-namespaces
                 {prefix}ansible-playbook playbooks/status.yml -i inventories/local
  logs           kubectl logs --namespace todo-local deploy/backend-api
                 {logs} (the cluster's own programs)
  deploy again   {prefix}ansible-playbook site.yml -i inventories/local
  go back        {prefix}ansible-playbook rollback.yml -i inventories/local
  remove it      {prefix}make down
""")


def _engine(options: argparse.Namespace) -> None:
    if options.action == "stop":
        return daemon.stop(purge=options.purge)
    machine.ready_to_run()
    machine.ready_to_build()
    with ThreadPoolExecutor(1) as beside:
        layers = beside.submit(images.prepare)
        needed = [entry for entry in PARTS if not entry.for_tests]
        compiler.build([*needed, *ENGINE_PARTS], [*(entry for entry in FILES if not entry.for_tests), *ENGINE_FILES])
        layers.result()
    daemon.start()
    node_image.ensure()
    print(f"export DOCKER_HOST={daemon.host()}")
    return None


def _clean(_: argparse.Namespace) -> None:
    for entry in state.known():
        _down(argparse.Namespace(name=entry.name, purge=True))
    if daemon.FOLDER.exists():
        daemon.stop(purge=True)
    for path in cache().iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    say(f"{cache()} is empty")


def _command_of(options: argparse.Namespace) -> list[str]:
    argv: list[str] = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if not argv:
        raise ClusterError("A command is missing: write it after NAME and --, such as `exec local -- ip route`.")
    os.environ["PATH"] = tool_path()
    sys.stdout.flush()
    return argv
