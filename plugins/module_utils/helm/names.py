# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may stand on Helm's command line: names, charts and versions from inventories and from records. None of them may
become an option or another command.
"""

from __future__ import annotations

import re

from ..failure import Code, error
from ..parsing import quoted

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,51}[a-z0-9])?")  # Helm: at most 53 characters
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_VERSION = re.compile(r"[0-9A-Za-z^~<>=*][0-9A-Za-z.+_^~<>=*|, -]{0,127}")  # a version, or a range
_CHART = re.compile(r"[^-\s\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,1999}")
_LABEL_KEY = re.compile(r"[a-z0-9A-Z][-a-z0-9A-Z_./]{0,316}")
_LABEL = re.compile(r"([a-z0-9A-Z]([-a-z0-9A-Z_.]{0,61}[a-z0-9A-Z])?)?")


def check_name(name: object) -> None:
    """Raises invalid_input unless it is a release's name."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise error(
            Code.INVALID_INPUT,
            f"{quoted(name)} is not a valid release name: lower-case letters, digits and hyphens, at most 53.",
        )


def check_namespace(namespace: object) -> None:
    """Raises invalid_input unless it is a namespace's name."""
    if not isinstance(namespace, str) or not NAMESPACE.fullmatch(namespace):
        raise error(Code.INVALID_INPUT, f"{quoted(namespace)} is not a valid name of a namespace.")


def check_chart(chart: object, version: object = None) -> None:
    """Raises invalid_input unless it is a path or reference, with a version or range (or none)."""
    if not isinstance(chart, str) or not _CHART.fullmatch(chart):
        raise error(Code.INVALID_INPUT, f"{quoted(chart)} is not a valid chart: a folder, an archive or a reference.")
    if version and (not isinstance(version, str) or not _VERSION.fullmatch(version)):
        raise error(Code.INVALID_INPUT, f"{quoted(version)} is not a valid version of the chart {quoted(chart)}.")


def check_label(key: object, value: object) -> None:
    """Raises invalid_input unless it is one label: a comma in its value would begin another."""
    texts = isinstance(key, str) and isinstance(value, str)
    if not texts or not _LABEL_KEY.fullmatch(str(key)) or not _LABEL.fullmatch(str(value)):
        raise error(Code.INVALID_INPUT, f"{quoted(key)}={quoted(value)} is not a valid label.")
