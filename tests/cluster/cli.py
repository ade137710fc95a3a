"""The command line."""

from __future__ import annotations

import argparse

from tests.cluster import build
from tests.cluster.parts import PARTS


def run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.cluster")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("venv")
    b = commands.add_parser("build")
    b.add_argument("--tests", action="store_true")
    options = parser.parse_args(arguments)
    if options.command == "build":
        build.build([p for p in PARTS if options.tests or not p.for_tests])
    return 0
