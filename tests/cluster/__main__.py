"""``python3 -m tests.cluster``: the local cluster's commands. Any Python 3.11 will do; the rest gets installed."""

from __future__ import annotations

import sys

from tests.cluster.errors import ClusterError
from tests.cluster.venv import enter


def main() -> int:
    """Run one command; a known failure is one sentence on standard error and exit code 1."""
    try:
        enter()
        from tests.cluster.cli import run

        return run(sys.argv[1:])
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
