"""``python3 -m tests.molecule [SCENARIO...]``: scenarios of extensions/molecule, all by default.

They run on a cluster of their own. Where no container engine answers, kind gets that of `make engine` for the time.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

from tests.cluster import cli, state
from tests.cluster.errors import ClusterError
from tests.cluster.kind import cluster as kind
from tests.cluster.paths import LOGS, TOP, tool_path
from tests.cluster.say import say
from tests.molecule.engine import Engine
from tests.molecule.phases import Reader, table, write_junit

NAME = "molecule"
SCENARIOS = TOP / "extensions" / "molecule"
EDGE = frozenset({"role_cert_manager", "role_ingress"})  # kind's node has their images with `up --https` only
_PATIENCE_SECONDS = 20


def main(arguments: Sequence[str]) -> int:
    """Run the scenarios and return the exit code."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ.update(LOCAL_CLUSTER=options.provider, TODO_CLOUD_CLUSTER=NAME, PATH=tool_path())
    reader = Reader()
    try:
        code, left, cpu = _on_a_cluster(options, reader)
    except ClusterError as error:
        if options.junit:
            write_junit(reader.phases, [("this machine can run it", [str(error)])], options.junit)
        raise
    print(*table(reader.phases), *left, sep="\n")
    if options.junit:
        options.junit.with_suffix(".cpu").write_text(str(cpu))
        write_junit(reader.phases, [("nothing is left", left)], options.junit)
    return 1 if code or left else 0


def command(scenarios: Sequence[str]) -> list[str]:
    """How molecule runs them."""
    chosen = [word for name in scenarios for word in ("--scenario-name", name)]
    return ["molecule", "test", "--no-command-borders", *(chosen or ["--all"])]


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    known = sorted(path.parent.name for path in SCENARIOS.glob("*/molecule.yml"))
    parser = argparse.ArgumentParser(prog="python3 -m tests.molecule", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(known))
    parser.add_argument("--provider", choices=cli.PROVIDERS[1:], default="kind", help="what makes the cluster")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the phases there as test cases")
    options = parser.parse_args(arguments)
    if unknown := set(options.scenarios) - set(known):
        parser.error(f"there is no scenario {', '.join(sorted(unknown))}: choose from {', '.join(known)}")
    if options.provider == "kind":
        if edge := EDGE & set(options.scenarios):
            parser.error(f"{', '.join(sorted(edge))}: use the bare-machine cluster (PROVIDER=local)")
        options.scenarios = options.scenarios or [name for name in known if name not in EDGE]
    return options


def _on_a_cluster(options: argparse.Namespace, reader: Reader) -> tuple[int, list[str], float]:
    """The exit code of molecule, what is left on the machine afterwards, and the CPU seconds of the cluster."""
    left: list[str] = []
    with Engine() if options.provider == "kind" else nullcontext() as engine:
        _remove()  # what a killed run has left
        edge = options.provider != "kind" and (not options.scenarios or EDGE & set(options.scenarios))
        cli.run(["build", *(["--https"] if edge else []), NAME])
        try:
            code = _run(options.scenarios, options.provider, reader)
        finally:
            left += _remove()
    return (code, [*left, *engine.left], engine.cpu) if engine else (code, left, 0.0)


def _run(scenarios: Sequence[str], provider: str, reader: Reader) -> int:
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"molecule-{provider}.log"
    say(f"molecule runs on {provider}; all that it prints goes to {path}")
    environment = {**os.environ, "NO_COLOR": "1", "PY_COLORS": "0", "ANSIBLE_NOCOLOR": "1"}
    subprocess.run(["molecule", "reset"], cwd=TOP, env=environment, capture_output=True, check=False)
    with (
        path.open("w") as log,
        subprocess.Popen(
            command(scenarios), cwd=TOP, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        ) as process,
    ):  # fmt: skip
        try:
            for line in process.stdout or ():
                log.write(line)
                log.flush()
                if phase := reader.feed(line):
                    say(str(phase))
                    if phase.failed:
                        print(*(f"    {text}" for text in phase.message()), sep="\n", flush=True)
        except KeyboardInterrupt:
            _end(process)
            raise
    if process.returncode and not any(phase.failed for phase in reader.phases):
        print(*(f"    {text}" for text in reader.remaining()), sep="\n", flush=True)
    if process.returncode:
        say(f"molecule failed; the whole log: {path}")
    return process.returncode


def _end(process: subprocess.Popen[str]) -> None:
    """Interrupt molecule with the playbooks that it has started, which would outlive it; by force after 20 s."""
    os.killpg(process.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _remove() -> list[str]:
    """Remove the cluster if it is there; returns what is left of it nevertheless."""
    if not state.exists(NAME):
        return []
    found = state.load(NAME)
    cli.run(["down", NAME, "--purge"])
    return kind.remains(found) if found.provider == "kind" else []


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ClusterError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
