"""``make bench``: 100 users through the public door while the application is upgraded and taken back.

Prints a table of requests, failures and percentiles per operation, and writes it as JSON. Exits 1 when a request
failed or a percentile is over its limit. Runs against the cluster that TODO_CLOUD_TEST_KUBECONFIG names.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[2]
LIMIT_MS = {"page": 3000}  # p95; every other operation:
OPERATION_LIMIT_MS = 2000


def playbook(*args: str, environ: dict[str, str]) -> float:
    """Run one playbook; its seconds. Its tail is printed when it fails."""
    begun = time.monotonic()
    done = subprocess.run(
        ["ansible-playbook", "-i", "inventories/local", *args],
        cwd=TOP,
        env=environ,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(args)} failed:\n{done.stdout[-3000:]}")
    return time.monotonic() - begun


def load(url: str, users: int, csv_prefix: Path) -> subprocess.Popen[str]:
    argv = [
        "locust",
        "-f",
        str(Path(__file__).with_name("locustfile.py")),
        "--headless",
        "--host",
        url,
        "--users",
        str(users),
        "--spawn-rate",
        "25",
        "--csv",
        str(csv_prefix),
        "--only-summary",
        "--stop-timeout",
        "10",
        "--run-time",
        "15m",
    ]
    return subprocess.Popen(argv, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def rows(csv_prefix: Path) -> list[dict[str, Any]]:
    with open(f"{csv_prefix}_stats.csv", newline="") as file:
        return [
            {
                "operation": r["Name"],
                "requests": int(r["Request Count"]),
                "failures": int(r["Failure Count"]),
                "median_ms": float(r["50%"]),
                "p95_ms": float(r["95%"]),
                "p99_ms": float(r["99%"]),
                "max_ms": float(r["Max Response Time"]),
            }
            for r in csv.DictReader(file)
            if r["Name"] != "Aggregated"
        ]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--users", type=int, default=100)
    options.add_argument("--out", type=Path, default=TOP / "bench-users.json")
    args = options.parse_args()
    kubeconfig = os.environ["TODO_CLOUD_TEST_KUBECONFIG"]
    facts = json.loads((Path(kubeconfig).parent / "cluster.json").read_text())
    environ = {**os.environ, "TODO_CLOUD_CLUSTER": facts["name"]}
    seconds = {"site": playbook("site.yml", environ=environ)}
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder) / "load"
        running = load(facts["url"], args.users, prefix)
        try:
            time.sleep(15)  # all users are there and have signed in: what is measured from here on is steady
            seconds["upgrade"] = playbook("site.yml", "-e", "app_version=v1.1.0", environ=environ)
            seconds["rollback"] = playbook("rollback.yml", environ=environ)
        finally:
            running.terminate()
            output, _ = running.communicate(timeout=60)
        table = rows(prefix)
    bad = [r for r in table if r["failures"] or r["p95_ms"] > LIMIT_MS.get(r["operation"], OPERATION_LIMIT_MS)]
    print(f"{'operation':<12}{'requests':>10}{'failures':>10}{'median ms':>11}{'p95 ms':>9}{'p99 ms':>9}{'max ms':>9}")
    for r in table:
        print(
            f"{r['operation']:<12}{r['requests']:>10}{r['failures']:>10}{r['median_ms']:>11.0f}{r['p95_ms']:>9.0f}"
            f"{r['p99_ms']:>9.0f}{r['max_ms']:>9.0f}"
        )
    print("seconds:", ", ".join(f"{k} {v:.1f}" for k, v in seconds.items()))
    args.out.write_text(json.dumps({"users": args.users, "operations": table, "seconds": seconds}, indent=1) + "\n")
    if bad:
        print(output[-3000:])
    return 1 if bad or not table else 0


if __name__ == "__main__":
    sys.exit(main())
