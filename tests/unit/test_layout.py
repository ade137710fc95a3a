"""The packages of module_utils are as docs/architecture.md says: who imports whom, how big they are, what is tested."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
UTILS = TOP / "plugins" / "module_utils"
TESTS = TOP / "tests" / "unit" / "plugins" / "module_utils"
FILES = sorted(path.relative_to(UTILS) for path in UTILS.rglob("*.py") if path.name != "__init__.py")
# Any package may import these; they import one another.
COMMON = {
    "argspec",
    "availability",
    "change_rules",
    "chart_ignore",
    "digest",
    "failure",
    "files",
    "known_secrets",
    "labels",
    "live_lines",
    "masking",
    "module",
    "neutral",
    "parsing",
    "processes",
    "proxies",
    "secret_values",
    "tables",
    "token_formats",
    "yaml_reader",
    "yaml_scalars",
}
# Without behaviour of their own: lists of options, names, states, and of rules (see test_custom_resources).
DATA = {"argspec.py", "labels.py", "readiness/status.py"} | {
    f"readiness/custom_{part}.py" for part in ("clouds", "databases", "delivery", "monitoring", "rollouts")
}


def package(path: Path) -> str:
    """Name of the package that a file belongs to; files at the top stand for themselves."""
    return path.parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Packages that a file imports, its own left out."""
    for node in ast.walk(ast.parse((UTILS / path).read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            parents = path.parent.parts[: len(path.parent.parts) - node.level + 1]
            modules = [node.module] if node.module else [alias.name for alias in node.names]
            for module in modules:
                found = [*parents, *module.split(".")][0]
                if found != package(path):
                    yield found


def documented() -> dict[str, set[str]]:
    """Packages of docs/architecture.md in their order, with what they may import."""
    text = (TOP / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| (\w+) \| .+ \| ([\w, -]+) \|$", text, re.MULTILINE)
    return {name: set(re.findall(r"\w+", imports)) for name, imports in rows if name != "package"}


DOCUMENTED = documented()


def test_every_package_is_documented() -> None:
    assert {package(path) for path in FILES} - COMMON == set(DOCUMENTED)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_package_imports_what_the_document_says(name: str) -> None:
    found = {other for path in FILES if package(path) == name for other in imported(path)}
    assert found - COMMON == DOCUMENTED[name]


def test_no_package_imports_one_that_stands_below_it() -> None:
    order = list(DOCUMENTED)
    assert [(a, b) for a in order for b in DOCUMENTED[a] if order.index(b) > order.index(a)] == []


@pytest.mark.parametrize("name", sorted(COMMON))
def test_the_files_at_the_top_import_one_another_only(name: str) -> None:
    assert set(imported(Path(f"{name}.py"))) <= COMMON


def test_no_package_has_a_fifth_of_the_lines() -> None:
    lines: dict[str, int] = {}
    for path in FILES:
        lines[package(path)] = lines.get(package(path), 0) + len((UTILS / path).read_text().splitlines())
    total = sum(lines.values())
    assert {name: count for name, count in lines.items() if count >= total / 5} == {}


@pytest.mark.parametrize("path", [path for path in FILES if str(path) not in DATA], ids=str)
def test_every_file_has_its_test(path: Path) -> None:
    assert (TESTS / path.with_name(f"test_{path.name}")).is_file()


def test_every_module_of_releases_has_its_file() -> None:
    names = {path.stem for path in FILES if package(path) == "releases"}
    modules = [
        path.stem for path in (TOP / "plugins" / "modules").glob("release_*.py") if path.stem.endswith("_info") is False
    ]
    assert {name.removeprefix("release_") for name in modules} <= names


def test_modules_print_through_one_place() -> None:
    """Results, failures and warnings are made printable by module.py; so are progress lines, shown by live.py. What a
    person sees of results passes plugin_utils/brief.py; services.py warns of what was typed; a report's path is said.
    """
    plugins = sorted((TOP / "plugins").rglob("*.py"))
    assert [
        path.name
        for path in plugins
        if path.parent.name == "modules" and "with fail_json_on_error(module)" not in path.read_text()
    ] == []
    said = re.compile(r"(?<![\w.])print\(|sys\.std(?:out|err)\.write|\.display\(|\.warning\(|\.v+\(|\bdisplay\.")
    assert [path.name for path in plugins if said.search(path.read_text())] == [
        "brief.py", "report.py", "services.py", "live.py"
    ]  # fmt: skip


def test_json_of_others_is_read_in_one_place() -> None:
    """Python's own reader raises RecursionError for what is nested deeply, which nobody expects of a log line."""
    assert [str(path) for path in FILES if "json.load" in (UTILS / path).read_text()] == ["parsing.py"]
