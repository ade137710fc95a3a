# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people read: links lead somewhere, pages are found, and what is to be typed or copied is there and valid."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.reference import playbooks, roles, specs
from tests.services_page import schema
from tests.support.pages import TOP, Block, anchors, blocks, broken, commands, links, pages, words

ON_GALAXY = [TOP / "README.md", TOP / "CONTRIBUTING.md", *TOP.glob("roles/*/README.md")]  # shown without the repository
SECTIONS = [
    "Description", "Requirements", "Installation", "Use cases", "Testing", "Contributing", "Support",
    "Release notes and roadmap", "Related information", "License",
]  # fmt: skip
CONTENTS = [
    "Start in five minutes", "Your own services", "Environments", "When something is down", "Pipeline", "DigitalOcean",
    "Security", "Architecture", "Comparison", "Reference",
]  # fmt: skip
CONSOLE = [block for page in pages() for block in blocks(page, "console", "sh")]
YAML = [block for page in pages() for block in blocks(page, "yaml")]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(TOP)))
def test_links_lead_somewhere(page: Path) -> None:
    assert list(broken(page, page.read_text())) == []


@pytest.mark.parametrize("page", ON_GALAXY, ids=lambda page: str(page.relative_to(TOP)))
def test_pages_that_galaxy_shows_have_absolute_links(page: Path) -> None:
    assert [link for link in links(page.read_text()) if not link.startswith("https://")] == []


def test_a_link_that_leads_nowhere_is_noticed() -> None:
    own = "https://github.com/todo-app/todo.cloud"
    text = f"""[a](gone.md) [b](#gone) [c](http://example.com) [d]({own}/blob/main/gone.md)
[e]({own}/blob/main/README.md#gone) [f](https://nowhere) [g]({own}/pulls) `[h](gone)` [i [j]](gone-too.md) <http://localhost/>
```text
[k](gone)
```
"""
    found = list(broken(TOP / "docs/x.md", text))
    assert [each.split()[0].rstrip(":") for each in found] == [
        "gone.md", "#gone", "http://example.com", f"{own}/blob/main/gone.md", f"{own}/blob/main/README.md#gone",
        "https://nowhere", f"{own}/pulls", "gone-too.md", "http://localhost/",
    ]  # fmt: skip
    assert anchors("# One `x`\n## Two, three\n## Two three\n```sh\n# four\n```\n") == {
        "one-x",
        "two-three",
        "two-three-1",
    }


def test_the_readme_has_the_sections_that_galaxy_asks_for() -> None:
    text = (TOP / "README.md").read_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert not re.search(r"pip install (\S+ )*ansible(-core)?\b", text)
    cases = re.search(r"^## Use cases\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert cases is not None
    assert 3 <= len(re.findall(r"^\*\*", cases[1], re.MULTILINE)) <= 5


def test_the_table_of_contents_has_every_page_once() -> None:
    text = (TOP / "docs/index.md").read_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == CONTENTS
    found = [link for link in links(text) if not link.startswith("images/")]
    assert sorted(found) == sorted(path.name for path in TOP.glob("docs/*.md") if path.stem != "index")


@cache
def written() -> str:
    patterns = (
        "playbooks/**/*.yml",
        "roles/**/*.yml",
        "inventories/**/*.yml",
        "examples/**/*.yml",
        "plugins/modules/*.py",
    )
    return "\n".join(path.read_text() for pattern in patterns for path in TOP.glob(pattern))


@pytest.mark.parametrize("block", CONSOLE, ids=str)
def test_what_is_to_be_typed_is_there(block: Block) -> None:
    targets = re.findall(r"^([a-z0-9-]+):", (TOP / "Makefile").read_text(), re.MULTILINE)
    known = {name for name, _said in playbooks()}
    for command in commands(block):
        for typed in words(command):
            match typed:
                case ["make", *given]:
                    assert [
                        each for each in given if "=" not in each and not each.startswith("-") and each not in targets
                    ] == []
                case ["ansible-playbook", playbook, *given]:
                    name = playbook.removeprefix("todo.cloud.")
                    assert name in known if name != playbook else (TOP / playbook).is_file(), command
                    for inventory in re.findall(r"(?<=-i )((?:inventories|examples)/(?!mine)\S+)", " ".join(given)):
                        assert (TOP / inventory).exists(), command
                    for variable in re.findall(r"(?<=-e )(\w+)=", " ".join(given)):
                        assert re.search(rf"\b{variable}\b", written()), command
                case ["python3", "-m", module, *_]:
                    path = TOP / module.replace(".", "/")
                    assert module == "venv" or path.with_suffix(".py").is_file() or path.is_dir(), command


def test_what_is_to_be_typed_is_a_shell_s() -> None:
    assert len(CONSOLE) > 40
    script = "\n".join(command for block in CONSOLE for command in commands(block))
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def variables() -> dict[str, Any]:
    return {
        name: option
        for role in roles()
        for spec in specs(role).values()
        for name, option in (spec.get("options") or {}).items()
    }


@pytest.mark.parametrize("block", YAML, ids=str)
def test_what_is_to_be_copied_is_known(block: Block) -> None:
    """Variables of roles, entries of services, objects of Kubernetes; tasks are looked at by test_examples."""
    read = yaml.safe_load(block.text)
    assert read
    if isinstance(read, list) or "apiVersion" in read or set(read) in ({"plugin"}, {"collections"}):
        return
    found = list(
        Draft202012Validator(schema()).iter_errors({key: read[key] for key in ("app", "services") if key in read})
    )
    assert found == []
    kinds = {"dict": dict, "list": list, "str": str, "int": int, "bool": bool}
    options = variables() | {name: {"type": "raw"} for name in re.findall(r"(?<![\w.])(\w+) \| default\(", written())}
    for name in read.keys() - {"app", "services"}:
        assert name in options, f"{name} is no variable of a role"
        kind = kinds.get(options[name].get("type", "str"), object)
        assert isinstance(read[name], kind) or "{{" in str(read[name]), name
        below = options[name].get("options")
        if below and isinstance(read[name], dict):
            assert read[name].keys() <= below.keys(), name
