"""Adds up the JUnit files of several pytest runs and prints one closing line: ``N passed, N failed``.

A run that left no file did not get as far as its tests, which counts as a failure.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def main(files: list[str]) -> int:
    passed = failed = skipped = 0
    for name in files:
        if not Path(name).exists():
            print(f"{name} is missing: that run did not get as far as its tests")
            failed += 1
            continue
        for suite in ET.parse(name).iter("testsuite"):
            counts = [int(suite.get(key, 0)) for key in ("tests", "errors", "failures", "skipped")]
            bad = counts[1] + counts[2]
            passed, failed, skipped = passed + counts[0] - bad - counts[3], failed + bad, skipped + counts[3]
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
