"""The command line."""

from __future__ import annotations

import argparse
import json
import sys

from tests.cluster import build, cluster, images, machine, state
from tests.cluster.errors import ClusterError
from tests.cluster.parts import PARTS
from tests.cluster.say import say


def run(arguments: list[str]) -> int:
    """Run the command that the arguments name and return its exit code."""
    options = _parser().parse_args(arguments)
    code: int = options.run(options) or 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m tests.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, action, text: str, *, named: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        if named:
            sub.add_argument("name", nargs="?", default="local", metavar="NAME", help="of the cluster (default: local)")
        sub.set_defaults(run=action)
        return sub

    command("venv", lambda _: None, "make the Python environment of development and tests", named=False)
    sub = command("build", _build, "build the cluster's parts and images; what is there already is not built again", named=False)
    sub.add_argument("--images", action="store_true", help="only images, as far as they changed")
    sub.add_argument("--tests", action="store_true", help="also what only tests need")
    sub = command("up", _up, "start a cluster; a running one is left as it is")
    sub.add_argument("--kwok-nodes", type=int, metavar="N", help="have N fake nodes beside the real one")
    sub = command("down", _down, "stop a cluster and remove what it has on this machine")
    sub.add_argument("--purge", action="store_true", help="remove its state too")
    sub = command("status", _status, "say what is known of the clusters, or of one")
    sub.set_defaults(name="")
    sub.add_argument("--json", action="store_true", help="as JSON, with addresses and secrets")
    command("kubeconfig", lambda options: print(state.load(options.name).kubeconfig), "print the path of the administrator's kubeconfig")
    sub = command("exec", _exec, "run a command in the node's namespaces")
    sub.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- CMD [ARG...]")
    return parser


def _build(options: argparse.Namespace) -> None:
    machine.ready_to_build()
    if not options.images:
        build.build(entry for entry in PARTS if options.tests or not entry.for_tests)
    changed = images.build([*images.system_images(), *images.platform_images(), *images.app_images()])
    if not changed:
        say("images are up to date")


def _up(options: argparse.Namespace) -> None:
    found = cluster.up(options.name, options.kwok_nodes)
    print(f"export KUBECONFIG={found.kubeconfig}")


def _down(options: argparse.Namespace) -> None:
    cluster.down(state.load(options.name), purge=options.purge)


def _status(options: argparse.Namespace) -> int:
    found = [state.load(options.name)] if options.name else state.known()
    facts = [{**entry.facts(), "running": cluster.pid(entry) is not None} for entry in found]
    if options.json:
        print(json.dumps(facts[0] if options.name else facts, indent=2))
    else:
        for fact in facts:
            print(f"{fact['name']}: {'running' if fact['running'] else 'stopped'} at {fact['node_ip']}, KUBECONFIG={fact['kubeconfig']}")
        if not facts:
            print("no cluster")
    return 0 if not options.name or facts[0]["running"] else 3


def _exec(options: argparse.Namespace) -> int:
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if not argv:
        raise ClusterError("exec needs a command: `python3 -m tests.cluster exec NAME -- ip route`.")
    sys.stdout.flush()
    return cluster.execute(state.load(options.name), argv)
