# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Raw manifests as a release: files on this machine become values of charts/manifests, which renders them as they are.

So all of a release is in its values: it is compared, recorded and taken back like others, whatever becomes of its
files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..failure import Code, TodoCloudError, error
from ..files import content_of, files_below, found_files, named_file
from ..helm.manifest import QUOTE_IT, hook_of, hooks_of, not_text
from ..helm.values import one_line_of_yaml
from ..parsing import quoted
from ..yaml_reader import YamlError, read_with_repeats

Object = dict[str, Any]
_SUFFIXES = (".yaml", ".yml", ".json")
_KUSTOMIZATION = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_LARGEST = 4 << 20  # bytes of one file; a release has to fit into a Secret of 1 MiB, packed
_HELD = ("data", "stringData")
_DEPTH = 5  # of lists in lists
_OF_A_CLUSTER = ("uid", "resourceVersion", "managedFields")
_CRD = "CustomResourceDefinition"


def manifest_values(paths: Iterable[str], release: str) -> dict[str, Any]:
    """Values of charts/manifests from files, folders (with all below) and globs. Raises invalid_input.

    :param release: its name, for messages
    """
    objects: dict[str, str] = {}
    secrets: dict[str, dict[str, Any]] = {}
    where: dict[str, str] = {}
    try:
        found = [(file, item) for file in _files(paths, release) for item in _objects(file, release)]
    except TodoCloudError as exc:
        if "release" in exc.failure.details:
            raise
        raise _refused(release, exc.failure.message.rstrip(".")) from None
    _check_kinds([item for _file, item in found], release)
    for file, item in found:
        key = _key(item)
        if key in where:
            raise _refused(release, f"{quoted(key)} is in {where[key]} and in {file.name}; keep one of them")
        where[key] = file.name
        if item["kind"] == "Secret" and item["apiVersion"] == "v1":
            secrets[key] = _secret(item, release, file)
        else:
            objects[key] = _text(item)
    return {"objects": objects, **({"secrets": secrets} if secrets else {})}


def is_secret_path(path: tuple[Any, ...]) -> bool:
    """Whether a value of charts/manifests is what a Secret holds."""
    return path[:1] == ("secrets",) and any(key in path for key in _HELD)


def _files(paths: Iterable[str], release: str) -> list[Path]:
    found: list[Path] = []
    for given in paths:
        path = Path(given).expanduser()
        if path.is_dir():
            files = [file for file in files_below(path) if _is_manifest(file.relative_to(path))]
            if any((path / name).is_file() for name in _KUSTOMIZATION):
                raise _refused(
                    release,
                    f"{given} is a kustomization: render it (kubectl kustomize {given} > all.yaml), and name that",
                )
        elif path.is_file():
            files = [named_file(path)]
        else:
            files = found_files(str(path))
        if not files:
            raise _refused(release, f"there is no manifest at {given}; correct its path (files *.yaml, *.yml, *.json)")
        found += [file for file in files if file not in found]
    return found


def _is_manifest(file: Path) -> bool:
    return file.suffix in _SUFFIXES and not any(part.startswith(".") for part in file.parts)


def _objects(file: Path, release: str) -> Iterator[Object]:
    try:
        documents = read_with_repeats(content_of(file, _LARGEST).decode("utf-8-sig"))
    except YamlError as exc:
        raise _refused(release, f"{file.name} is not valid YAML: {exc}") from None
    except UnicodeDecodeError:
        raise _refused(release, f"{file.name} is not UTF-8") from None
    except OSError as exc:
        raise _refused(release, f"{file.name} cannot be read: {exc.strerror}") from None
    for number, (document, repeats) in enumerate(documents, 1):
        if repeats:
            names = " and ".join(map(quoted, repeats))
            message = f"{file.name}, document {number} has {names} twice in one place; leave one (or --- is missing)"
            raise _refused(release, message)
        if document is not None:
            yield from _flat(document, f"{file.name}, document {number}", release, 0)


def _flat(item: Any, where: str, release: str, depth: int) -> Iterator[Object]:
    """An object, or the items of a List. Raises invalid_input for what is none."""
    if not isinstance(item, dict):
        raise _refused(
            release, f"{where} is no object of Kubernetes but {'a list' if isinstance(item, list) else 'text'}"
        )
    for key in ("apiVersion", "kind"):
        if not isinstance(item.get(key), str) or not item[key]:
            raise _refused(release, f"{where} has no {key}")
    items = item.get("items")
    if item["kind"].endswith("List") and isinstance(items, list):
        if depth == _DEPTH:
            raise _refused(release, f"{where} has lists nested too deeply")
        for one in items:
            yield from _flat(one, where, release, depth + 1)
        return
    metadata = item.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) and name is not None:
        raise _refused(release, f"{where}: metadata.name of a {quoted(item['kind'])} {not_text(name)}: {QUOTE_IT}")
    if not name:
        raise _refused(release, f"{where}: a {quoted(item['kind'])} has no metadata.name")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("namespace") or "", str):
        raise _refused(release, f"{where}: metadata.namespace of {quoted(name)} is not text")
    if (hook := hook_of(item)) is not None and not hooks_of(item):
        raise _refused(
            release,
            f"{where}: helm.sh/hook of {item['kind']} {quoted(name)} is {quoted(hook)}, which Helm does not know, so "
            "it would leave the object out; correct it (pre-install, pre-upgrade, ...), or remove it, and the object "
            "is deployed with the others",
        )
    yield _unexported(item)


def _unexported(item: Object) -> Object:
    """Without what an object that was taken out of a cluster (``kubectl get -o yaml``) has of it: the API server would
    refuse to make it anew.
    """
    kept = {key: value for key, value in item["metadata"].items() if key not in _OF_A_CLUSTER}
    return item if len(kept) == len(item["metadata"]) else {**item, "metadata": kept}


def _check_kinds(items: list[Object], release: str) -> None:
    """What cannot stand in one release."""
    for item in items:
        if item["kind"] == "Namespace":
            name = quoted(item["metadata"]["name"])
            raise _refused(release, f"Namespace {name}: a release does not bring its namespace; take it out")
    made = {
        (str(spec.get("group")), str(names.get("kind"))): item["metadata"]["name"]
        for item in items
        if item["kind"] == _CRD
        and isinstance(spec := item.get("spec"), dict)
        and isinstance(names := spec.get("names"), dict)
    }
    for item in items:
        crd = made.get((item["apiVersion"].partition("/")[0], item["kind"]))
        if crd:
            raise _refused(
                release,
                f"it holds the CRD {quoted(crd)} and a {quoted(item['kind'])}, which Kubernetes only knows afterwards: "
                "make two entries, the CRDs and the rest, with `after`",
            )


def _key(item: Object) -> str:
    """Group, kind, namespace and name, as far as they say anything."""
    group, slash, _version = item["apiVersion"].partition("/")
    parts = [group if slash and "." in group else "", item["kind"], item["metadata"].get("namespace") or ""]
    return "/".join([*(part for part in parts if part), item["metadata"]["name"]])


def _secret(item: Object, release: str, file: Path) -> dict[str, Any]:
    rest = {key: value for key, value in item.items() if key not in _HELD}
    annotations = rest["metadata"].get("annotations")
    if isinstance(annotations, Mapping):  # kubectl's copy of it has all that it holds
        kept = {key: value for key, value in annotations.items() if not key.endswith("/last-applied-configuration")}
        rest = {**rest, "metadata": {**rest["metadata"], "annotations": kept}}
    held = {}
    for key in _HELD:
        content = item.get(key)
        if content and not (isinstance(content, dict) and all(isinstance(one, str) for one in content.values())):
            raise _refused(
                release,
                f"{file.name}: {key} of Secret {quoted(item['metadata']['name'])} holds something else than text",
            )
        if content:
            held[key] = content
    return {"object": _text(rest), **held}


def _text(item: Object) -> str:
    return one_line_of_yaml(item, sort_keys=True)


def _refused(release: str, message: str) -> Exception:
    return error(Code.INVALID_INPUT, f"{release}: {message}.", release=release)
