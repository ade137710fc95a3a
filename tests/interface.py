# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The public names of this collection, and what is broken of those that the last release had.

``tests/interface.json`` is what ``python3 -m tests.interface`` recorded at that release; docs/compatibility.md says
what is promised of it. A name stands as ``kind thing option``, such as ``module release_apply waves.name``.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.reference import playbooks, roles, specs
from tests.schemas import ANSIBLE, module_names, schema_of

TOP = Path(__file__).resolve().parents[1]
RECORD = TOP / "tests/interface.json"
PAGE = TOP / "docs/compatibility.md"
_PLUGINS = ("callback", "filter", "inventory", "lookup")
_OTHERS = re.compile(r"^\| filters and lookups \| (.+?) \|", re.MULTILINE)  # these are public, others are not
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(-rc\.\d+)?")
_DEPRECATED = re.compile(r"^\| `(.+?)` \| (\S+) \| (\S+) \| .+ \|$", re.MULTILINE)
_EVERYWHERE = [
    [],
    *([f"failure.{key}"] for key in ("code", "message", "details")),
    *([key] for key in ("failure", *ANSIBLE)),
]
_PLAYS = ("playbooks/*.yml", "playbooks/vars/*.yml", "playbooks/tasks/*.yml")
_SOURCES = ("plugins/**/*.py", "roles/**/*.yml", "playbooks/*.yml", "charts/*/templates/*")

_WIDER = {"int": "float", "integer": "number", "str": "raw", "path": "raw", "dict": "raw", "list": "raw"}

Facts = dict[str, Any]  # of one option: required, default, choices, type, aliases; only those that it has
Names = dict[str, Facts]


def current() -> Names:
    """All public names as they are in this checkout."""
    found: Names = {}
    public = re.findall(r"`(\w+)`", "".join(_OTHERS.findall(PAGE.read_text())))
    for name in module_names():
        found |= _plugin("module", TOP / f"plugins/modules/{name}.py")
        result = _schema(f"result {name}", schema_of(name))
        found |= {
            key: {"type": facts.get("type")} for key, facts in result.items() if key.split()[2:] not in _EVERYWHERE
        }
    for kind in _PLUGINS:
        for path in sorted((TOP / f"plugins/{kind}").glob("*.py")):
            if kind in ("callback", "inventory") or path.stem in public:
                found |= _plugin(kind, path)
    for role in roles():
        for entry, spec in specs(role).items():
            found |= _options(f"role {role}" + f":{entry}" * (entry != "main"), spec.get("options"))
    for name, _said in playbooks():
        comment = "".join(re.findall(r"^#.*\n", (TOP / f"playbooks/{name}.yml").read_text(), re.MULTILINE))
        typed = re.findall(r"-e '?\{?(\w+)", comment)
        found |= {f"playbook {name}": {}, **{f"playbook {name} {each}": {} for each in typed}}
    for path in sorted(TOP.glob("charts/*/values.schema.json")):
        values = yaml.load(path.with_name("values.yaml").read_text(), _LOADER)
        found |= _schema(f"chart {path.parent.name}", json.loads(path.read_text()), values)
    found |= _schema("variable", json.loads((TOP / "docs/schemas/services.json").read_text()))
    written = "\n".join(path.read_text() for pattern in _SOURCES for path in TOP.glob(pattern) if path.is_file())
    found |= {f"mark {each}": {} for each in re.findall(r"\btodo\.cloud/[a-z][a-z-]*[a-z]\b", written)}
    found |= {f"environment {each}": {} for each in re.findall(r"\bTODO_(?!CLOUD)[A-Z_]+[A-Z]\b", written)}
    told = set(
        re.findall(r"`([a-z]\w+)", "\n".join(path.read_text() for path in [*TOP.glob("docs/*.md"), TOP / "README.md"]))
    )
    plays = "\n".join(path.read_text() for pattern in _PLAYS for path in TOP.glob(pattern))
    read = re.findall(r"(?<![\w.])([a-z]+_\w+|bake) \| default\(", plays)
    found |= {f"inventory-variable {each}": {} for each in read if each in told}
    routing = yaml.load((TOP / "meta/runtime.yml").read_text(), _LOADER).get("plugin_routing") or {}
    for kind, entries in routing.items():
        for old, entry in entries.items():
            new = f"{kind.removesuffix('s')} {str(entry.get('redirect')).rpartition('.')[2]}"
            found |= {key.replace(new, f"{new.split()[0]} {old}", 1): found[key] for key in _of(new, found)}
    codes = re.findall(r"^\| <a id=.+?</a>`([a-z_]+)` \|", (TOP / "docs/failure-codes.md").read_text(), re.MULTILINE)
    return dict(sorted((found | {f"failure {each}": {} for each in codes}).items()))


def _of(thing: str, names: Iterable[str]) -> list[str]:
    """A thing with all of its options."""
    return [name for name in names if name == thing or name.startswith(f"{thing} ")]


def options_of(path: Path) -> tuple[dict[str, Any], list[str]]:
    """What a plugin documents, with the options of this collection's fragments; and the fragments of others."""
    documented = yaml.load(_text(ast.parse(path.read_text()), "DOCUMENTATION"), _LOADER)
    options, others = dict(documented.get("options") or {}), []
    fragments = documented.get("extends_documentation_fragment") or []
    for fragment in [fragments] if isinstance(fragments, str) else fragments:
        own, _dot, part = fragment.removeprefix("todo.cloud.").partition(".")
        if fragment.startswith("todo.cloud."):
            (of_class,) = _classes(TOP / f"plugins/doc_fragments/{own}.py")
            text = yaml.load(_text(of_class, part.upper() or "DOCUMENTATION"), _LOADER)
            options = (text.get("options") or {}) | options
        else:
            others.append(fragment)
    return options, others


def _plugin(kind: str, path: Path) -> Names:
    """A plugin with its options; it is not imported."""
    options, others = options_of(path)
    thing = f"{kind} {path.stem}"
    return {thing: {}, **{f"{thing} {each}": {} for each in others}} | _options(thing, options)


def _classes(path: Path) -> list[ast.ClassDef]:
    return [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)]


def _text(tree: ast.Module | ast.ClassDef, name: str) -> str:
    for node in tree.body:
        if isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == [name]:
            return str(ast.literal_eval(node.value))
    raise KeyError(name)


def _options(thing: str, options: Mapping[str, Any] | None, above: str = "") -> Names:
    found: Names = {} if above else {thing: {}}
    for name, option in (options or {}).items():
        facts = {"type": option.get("type", "str")}
        facts |= {
            key: option[key] for key in ("elements", "required", "default", "choices", "aliases") if option.get(key)
        }
        if option.get("default") is not None:
            facts["default"] = option["default"]
        found[f"{thing} {above}{name}"] = facts
        found |= _options(thing, option.get("options") or option.get("suboptions"), f"{above}{name}.")
    return found


def _schema(thing: str, schema: Mapping[str, Any], values: Any = None) -> Names:
    """What a JSON schema allows, by paths, with the defaults that ``values`` give."""
    found: Names = {thing: {}}

    def walk(part: Mapping[str, Any], path: str, value: Any, seen: tuple[str, ...]) -> None:
        if reference := part.get("$ref"):
            if reference not in seen:
                walk(schema["definitions"][reference.rpartition("/")[2]], path, value, (*seen, reference))
            return
        facts = found.setdefault(f"{thing} {path}", {}) if path else {}
        if "type" in part:
            facts["type"] = sorted(
                {*facts.get("type", []), *([part["type"]] if isinstance(part["type"], str) else part["type"])}
            )
        if "enum" in part:
            facts["choices"] = [*facts.get("choices", []), *part["enum"]]
        if value is not None and not (isinstance(value, dict) and "properties" in part):
            facts["default"] = value
        for each in [*part.get("anyOf", []), *part.get("oneOf", []), *part.get("allOf", [])]:
            walk(each, path, value, seen)
        for name, below in (part.get("properties") or {}).items():
            walk(below, f"{path}.{name}".lstrip("."), value.get(name) if isinstance(value, dict) else None, seen)
            if name in part.get("required", []) and f"{thing} {path}.{name}".replace(" .", " ") in found:
                found[f"{thing} {path}.{name}".replace(" .", " ")]["required"] = True
        for below in (*(part.get("patternProperties") or {}).values(), part.get("additionalProperties")):
            if isinstance(below, dict):
                walk(below, f"{path}.*".lstrip("."), None, seen)
        if isinstance(part.get("items"), dict):
            walk(part["items"], f"{path}[]", None, seen)

    walk(schema, "", values, ())
    return found


def breaks(before: Mapping[str, Facts], now: Mapping[str, Facts], due: Iterable[str] = ()) -> Iterator[str]:
    """One sentence for each name of ``before`` that can't be used as before. ``due``: names that may break by now."""
    may_break = tuple(due)
    for name, was in before.items():
        thing, _space, option = name.rpartition(" ")
        if any(name == each or name.startswith((f"{each} ", f"{each}.")) for each in may_break):
            continue
        if name in now:
            yield from (f"{name} {said}" for said in _narrower(was, now[name], name.startswith("result ")))
            continue
        renamed = any(option in now[other].get("aliases", ()) for other in _of(thing, now))
        if not renamed and not any(above in before and above not in now for above in _above(name)):  # else said of that
            yield f"{name} is gone: keep it as an alias, or deprecate it first"
    for name in now.keys() - before.keys():
        if now[name].get("required") and "default" not in now[name] and next(_above(name), "") in before:
            yield f"{name} is new and required: give it a default"


def _above(name: str) -> Iterator[str]:
    """What an option belongs to, the nearest first: ``role kafka a.b``, ``role kafka a``, ``role kafka``."""
    thing, _space, option = name.rpartition(" ")
    while "." in option:
        option = option.rpartition(".")[0]
        yield f"{thing} {option}"
    yield thing


def _narrower(was: Facts, now: Facts, returned: bool) -> Iterator[str]:
    """What is refused or means something else now. Of a result everything that changes counts."""
    if now.get("required") and not was.get("required") and not returned:
        yield "is required now: give it a default"
    for key in ("type", "elements"):
        old, new = ([each] if isinstance(each, str) else each or [] for each in (was.get(key), now.get(key)))
        narrower = {each for each in set(old) - set(new) if _WIDER.get(each) not in new}
        if old != new if returned else narrower and new:
            yield f"has another {key}: {_words(old)} before, {_words(new)} now"
    gone = [each for each in was.get("choices", []) if each not in now.get("choices", [])]
    if gone and "choices" in now and not returned:
        yield f"does not take {_words(gone)} any more"
    if "choices" in now and "choices" not in was and not returned:
        yield "takes only some values now"
    if was.get("default") != now.get("default") and not returned:
        yield f"has another default: {json.dumps(was.get('default'))} before, {json.dumps(now.get('default'))} now"
    if lost := sorted(set(was.get("aliases", ())) - set(now.get("aliases", ()))):
        yield f"has lost the alias {_words(lost)}"


def _words(values: Any) -> str:
    return " or ".join(str(each) for each in values) or "none"


def deprecated(page: str, version: str) -> list[str]:
    """Names of which the page says that they may break in ``version`` or before."""
    return [name for name, _since, removed in _DEPRECATED.findall(page) if _order(removed) <= _order(version)]


def _order(version: str) -> tuple[int, int, int]:
    found = _VERSION.fullmatch(version)
    if found is None:
        raise ValueError(f"{version} is no version such as 1.2.3 or 1.2.3-rc.1")
    return int(found[1]), int(found[2]), int(found[3])


def released() -> tuple[str, Names]:
    """The version of the last release, and its names."""
    text = json.loads(RECORD.read_text())
    return text["version"], text["names"]


def problems() -> list[str]:
    """What is broken without a new major version, and not deprecated long enough."""
    version, now = str(yaml.safe_load((TOP / "galaxy.yml").read_text())["version"]), current()
    before, names = released()
    if _order(version)[0] > _order(before)[0]:
        return []
    return list(breaks(names, now, deprecated(PAGE.read_text(), version)))


def text() -> str:
    """The record of this checkout: one line for each name."""
    version = yaml.safe_load((TOP / "galaxy.yml").read_text())["version"]
    lines = [f"{json.dumps(name)}: {json.dumps(facts, sort_keys=True)}" for name, facts in current().items()]
    return f'{{"version": "{version}", "names": {{\n' + ",\n".join(lines) + "\n}}\n"


def main() -> int:
    """Records the names; what is broken has to be a pre-release's, or a new major version's."""
    before = released()[0] if RECORD.exists() else "0.0.0-rc.0"
    final = not before.startswith("0.") and "-" not in before
    if final and (wrong := problems()):
        print("\n".join(f"error: {each}" for each in wrong), file=sys.stderr)
        return 1
    RECORD.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
