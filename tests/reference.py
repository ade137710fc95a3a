# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""docs/reference.md and the README of each role, from their argument specs: ``python3 -m tests.reference``."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

TOP = Path(__file__).resolve().parents[1]
PAGE = TOP / "docs/reference.md"
_REPOSITORY = yaml.safe_load((TOP / "galaxy.yml").read_text())["repository"]
_MADE = "<!-- Made by `make schemas` from the argument specs of the roles. -->"
_MARKUP = (
    (re.compile(r"\bP\(todo\.cloud\.(\w+)#role\)"), r"`\1`"),
    (re.compile(r"\bP\(todo\.cloud\.(\w+)#\w+\)"), r"`\1`"),
    (re.compile(r"\b[CVEB]\(([^()]*(?:\([^()]*\)[^()]*)*)\)"), r"`\1`"),
    (re.compile(r"\bO\(([^():=]+)=([^()]*)\)"), r"`\1: \2`"),
    (re.compile(r"\b[OM]\(([^()]*)\)"), r"`\1`"),
)
_INTERNAL = ("complete", "inspect", "isolation")  # parts of other playbooks


def plain(text: Any) -> str:
    """A description (a text, or a list of texts) as Markdown."""
    said = " ".join(" ".join(str(each).split()) for each in (text if isinstance(text, list) else [text]))
    for pattern, form in _MARKUP:
        said = pattern.sub(form, said)
    return said


def specs(role: str) -> dict[str, Any]:
    """The entry points of a role."""
    return dict(yaml.safe_load((TOP / f"roles/{role}/meta/argument_specs.yml").read_text())["argument_specs"])


def roles() -> list[str]:
    """All of them."""
    return sorted(path.name for path in (TOP / "roles").iterdir() if (path / "meta/argument_specs.yml").is_file())


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence; what stands in brackets belongs to it."""
    match = re.match(r"(.+?[.!?:])(?=\s|$)(?![^(]*\))", text)
    return match[1].rstrip(":") + "." * match[1].endswith(":") if match else text


def playbooks() -> Iterator[tuple[str, str]]:
    """Name and first sentence of each that a person runs."""
    for path in sorted((TOP / "playbooks").glob("*.yml")):
        if path.stem in _INTERNAL:
            continue
        lines = path.read_text().splitlines()[1:]
        comment: list[str] = []
        for line in lines:
            if not line.startswith("# ") or line.startswith("#   "):
                break
            comment.append(line[2:])
        yield path.stem, first_sentence(" ".join(comment))


def modules() -> Iterator[tuple[str, str]]:
    """Name and short description."""
    for path in sorted((TOP / "plugins/modules").glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DOCUMENTATION":
                yield path.stem, plain(yaml.safe_load(ast.literal_eval(node.value))["short_description"])


def _type(option: Mapping[str, Any]) -> str:
    kind = str(option.get("type", "str"))
    kind += f" of {option['elements']}" if "elements" in option else ""
    return " or ".join(f"`{each}`" for each in option["choices"]) if "choices" in option else kind


def _default(option: Mapping[str, Any], role: str) -> str:
    if option.get("required"):
        return "**required**"
    if "default" not in option:
        return ""
    text = json.dumps(option["default"], ensure_ascii=False, sort_keys=True)
    return (
        f"`{text}`"
        if len(text) <= 60
        else f"see [its defaults]({_REPOSITORY}/blob/main/roles/{role}/defaults/main.yml)"
    )


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |"


def _options(found: Mapping[str, Any], role: str) -> Iterator[str]:
    yield _row("variable", "type", "default", "what it says")
    yield "|---|---|---|---|"
    for name, option in sorted(found.items()):
        yield _row(f"`{name}`", _type(option), _default(option, role), plain(option["description"]))
        for key, below in sorted((option.get("options") or {}).items()):
            yield _row(f"`{name}.{key}`", _type(below), _default(below, role), plain(below["description"]))


def readme(role: str) -> str:
    """The README of a role."""
    points = specs(role)
    main = points["main"]
    lines = [f"# Role todo.cloud.{role}", "", _MADE, "", f"{main['short_description']}.", ""]
    described = main.get("description") or []
    for each in described if isinstance(described, list) else [described]:
        lines += [plain(each), ""]
    lines += ["```yaml", f"- name: {main['short_description']}", "  ansible.builtin.include_role:"]
    lines += [f"    name: todo.cloud.{role}", "```", ""]
    if options := main.get("options"):
        lines += ["## Variables", "", *_options(options, role), ""]
    if others := {name: point for name, point in points.items() if name != "main"}:
        lines += [
            "## Other entry points",
            "",
            "Each by `tasks_from`.",
            "",
            _row("entry point", "what it does"),
            "|---|---|",
        ]
        lines += [
            _row(f"`{name}`", f"{point['short_description']}. {plain(point.get('description') or '')}")
            for name, point in sorted(others.items())
        ]
        lines.append("")
    lines += [f"All variables of all roles: [docs/reference.md]({_REPOSITORY}/blob/main/docs/reference.md).", ""]
    return "\n".join(lines)


def metadata(role: str) -> str:
    """meta/main.yml of a role, from which Galaxy takes its description."""
    described = json.dumps(f"{specs(role)['main']['short_description']}.", ensure_ascii=False)
    return f"""---
# Made by `make schemas`.
galaxy_info:
  author: todo.cloud maintainers
  description: {described}
  license: GPL-3.0-or-later
  min_ansible_version: "2.19"
dependencies: []
"""


def page() -> str:
    """The page of all playbooks, modules, roles and variables."""
    lines = [
        "# Reference",
        "",
        _MADE,
        "",
        "Playbooks, modules, roles, and every variable on one page. Each module: `ansible-doc todo.cloud.<name>`.",
    ]
    lines += ["What `services` and `app` may say: [services.md](services.md).", ""]
    lines += ["## Playbooks", "", "From the installed collection: `ansible-playbook todo.cloud.<name>`.", ""]
    lines += [_row("playbook", "what it does"), "|---|---|"]
    lines += [_row(f"[{name}](../playbooks/{name}.yml)", said) for name, said in playbooks()]
    lines += ["", "## Modules", "", _row("module", "what it does"), "|---|---|"]
    lines += [_row(f"`{name}`", said) for name, said in modules()]
    lines += ["", "## Roles", "", _row("role", "what it does"), "|---|---|"]
    lines += [
        _row(f"[{role}](../roles/{role}/README.md)", specs(role)["main"]["short_description"]) for role in roles()
    ]
    lines += [
        "",
        "## Variables",
        "",
        _row("variable", "roles", "type", "default", "what it says"),
        "|---|---|---|---|---|",
    ]
    found: dict[str, tuple[list[str], Mapping[str, Any]]] = {}
    for role in roles():
        for name, option in (specs(role)["main"].get("options") or {}).items():
            found.setdefault(name, ([], option))[0].append(role)
    for name, (owners, option) in sorted(found.items()):
        owned = ", ".join(f"[{role}](../roles/{role}/README.md)" for role in owners)
        default = _default(option, owners[0])
        lines.append(_row(f"`{name}`", owned, _type(option), default, first_sentence(plain(option["description"]))))
    lines += ["", "## Variables that playbooks read", "", "In an inventory, for all of its hosts, or by `-e`.", ""]
    lines += [_row("variable", "type", "default", "what it says"), "|---|---|---|---|", *_inventory_rows()]
    return "\n".join([*lines, ""])


def inventory_variables() -> dict[str, Any]:
    """What is said of the variables that playbooks read and no role has; where it is an option's, the option."""
    return dict(yaml.safe_load((TOP / "tests/inventory_variables.yml").read_text()))


def _inventory_rows() -> Iterator[str]:
    # interface reads this file
    from tests.interface import options_of

    for name, said in inventory_variables().items():
        if isinstance(said, str):
            yield _row(f"`{name}`", "", "", said)
        else:
            option = options_of(TOP / f"plugins/modules/{said['module']}.py")[0][said["option"]]
            text = first_sentence(plain(option["description"]))
            yield _row(
                f"`{name}`", _type(option), _default(option, ""), f"{text} (`{said['option']}` of `{said['module']}`)"
            )


def main() -> None:
    """Writes all of it."""
    PAGE.write_text(page())
    for role in roles():
        (TOP / f"roles/{role}/README.md").write_text(readme(role))
        (TOP / f"roles/{role}/meta/main.yml").write_text(metadata(role))


if __name__ == "__main__":
    main()
