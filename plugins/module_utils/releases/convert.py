# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads what a team has (a Helm release, a chart, YAML, a compose file) and says it as entries of ``services``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..failure import Code, error
from ..files import content_of, files_below
from ..helm.manifest import objects_of
from ..helm.names import NAME
from ..helm.program import ApplyRequest, Helm
from ..helm.storage import HelmReader
from ..helm.stored import ReleaseStatus
from ..known_secrets import KNOWN, secrets_of
from ..kube.api import KubeReader
from ..kube.secret_data import texts_of
from ..parsing import Malformed
from ..planning.credentials import is_credential
from ..services.convert import Conversion, converted, referred_secrets
from ..services.convert_compare import compared, source_of
from ..services.convert_compose import from_compose, is_compose
from ..services.convert_source import reading
from ..services.convert_text import hidden, services_text
from ..services.problems import app_problems, entry_problems
from ..yaml_reader import YamlError, read_document, read_documents

Object = Mapping[str, Any]
_SUFFIXES = (".yaml", ".yml")
_COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_KUSTOMIZATION = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@dataclass
class Source:
    """What was read: objects, or a compose file. ``notes``: what was left out."""

    objects: list[Object] = field(default_factory=list)
    compose: Mapping[str, Any] | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Wanted:
    """What is asked for. ``source``: a path, or the name of a release in ``namespace``."""

    source: str
    namespace: str
    name: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


def credential(name: str, value: str) -> bool:
    """Whether a variable is a credential by its name or its form."""
    return is_credential((name,), {name: value})


def _secrets(value: Any, key: str = "") -> Iterator[str]:
    """Values of a source that are secret by their place, name or form, wherever they stand."""
    if isinstance(value, Mapping):
        if value.get("kind") == "Secret":
            given = value.get("stringData")
            yield from secrets_of({**texts_of(value), **(given if isinstance(given, Mapping) else {})})
            return
        entry = str(value.get("name")) if {"name", "value"} <= set(value) else ""
        for name, item in value.items():
            yield from _secrets(item, entry if entry and name == "value" else str(name))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _secrets(item)
    elif isinstance(value, str):
        name, equals, said = value.partition("=")
        if credential(key, value):
            yield value
        elif equals and credential(name.lstrip("-"), said):
            yield said


def read_source(wanted: Wanted, helm: Helm, kube: Callable[[], KubeReader]) -> Source:
    """The objects. Raises TodoCloudError: invalid_input, not_found, helm_failed, and what the API answers.

    :param kube: asked for a release only
    """
    path = Path(wanted.source)
    if path.is_file():
        return _from_text(path, path.name)
    if path.is_dir():
        return _from_folder(path, wanted, helm)
    if "/" in wanted.source or not NAME.fullmatch(wanted.source):
        raise error(
            Code.INVALID_INPUT,
            f"There is no file or folder {wanted.source}, and it is not the name of a release either.",
        )
    return _from_release(wanted, kube())


def _from_folder(folder: Path, wanted: Wanted, helm: Helm) -> Source:
    if (folder / "Chart.yaml").is_file():
        name = wanted.name or folder.resolve().name
        request = ApplyRequest(name, wanted.namespace or "default", str(folder), wanted.values)
        return _told_apart(objects_of(helm.template(request)))
    if any((folder / name).is_file() for name in _KUSTOMIZATION):
        raise error(
            Code.INVALID_INPUT,
            f"{folder} is a kustomization: render it (kubectl kustomize {folder} > all.yaml), and give that file.",
        )
    files = [file for file in files_below(folder) if file.suffix in _SUFFIXES]
    compose = next((file for file in files if file.name in _COMPOSE and file.parent == folder), None)
    if compose:
        return _from_text(compose, compose.name)
    found = Source()
    for file in files:
        if not any(one.startswith(".") for one in file.relative_to(folder).parts):
            read = _from_text(file, str(file.relative_to(folder)))
            found.objects += read.objects
            found.notes += read.notes
    if not found.objects:
        raise error(Code.INVALID_INPUT, f"There is no object of Kubernetes in {folder} (files *.yaml and *.yml).")
    return found


def _from_text(file: Path, title: str) -> Source:
    try:
        documents = read_documents(content_of(file).decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError, YamlError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else exc if isinstance(exc, YamlError) else "it is not UTF-8"
        raise error(Code.INVALID_INPUT, f"{title} cannot be read as YAML: {why}.") from None
    for document in documents:
        if is_compose(document):
            return Source(compose=document)
    return _told_apart(_flat(documents, title))


def _flat(documents: Sequence[Any], title: str) -> Iterator[Object | str]:
    """The objects, with the items of Lists; for what is none, a sentence."""
    for number, document in enumerate(documents, 1):
        if document is None:
            continue
        if not isinstance(document, Mapping) or not document.get("kind") or not document.get("apiVersion"):
            yield f"{title}: document {number} is no object of Kubernetes (it has no kind and apiVersion); left out."
            continue
        if str(document["kind"]).endswith("List") and isinstance(document.get("items"), list):
            yield from _flat(document["items"], title)
        else:
            yield document


def _told_apart(items: Iterator[Object | str] | Sequence[Object]) -> Source:
    found = Source()
    for item in items:
        if isinstance(item, str):
            found.notes.append(item)
        else:
            found.objects.append(item)
    return found


def _from_release(wanted: Wanted, kube: KubeReader) -> Source:
    storage = HelmReader(kube, wanted.namespace)
    history = storage.histories(wanted.source).get(wanted.source) or []
    if not history:
        raise error(
            Code.NOT_FOUND,
            f"There is no file or folder {wanted.source}, and no Helm release of that name in {wanted.namespace}.",
        )
    deployed = [one for one in history if one.status is ReleaseStatus.DEPLOYED] or history
    stored = storage.read(wanted.source, deployed[-1].revision)
    return _told_apart(objects_of("\n---\n".join([stored.manifest, *stored.hooks])))


def convert(
    source: Source,
    defaults: Mapping[str, Any],
    render: Callable[[str, Mapping[str, Any]], list[Object]] | None = None,
    releases: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The result of the module. What is secret in the source is masked from then on, wherever it appears.

    :param defaults: values.yaml of charts/service
    :param render: what charts/service renders for a release, by its name and values
    :param releases: what the role app_service makes of the entries; then they are compared with the source
    :raises TodoCloudError: invalid_input
    """
    KNOWN.add(_secrets([source.compose, *source.objects]))
    try:
        return _convert(source, defaults, render, releases)
    except Malformed as exc:
        dry_run = "docker compose config" if source.compose else "kubectl apply --dry-run=server"
        raise error(Code.INVALID_INPUT, f"{exc}: correct it ({dry_run} may name it).") from exc


def _convert(
    source: Source,
    defaults: Mapping[str, Any],
    render: Callable[[str, Mapping[str, Any]], list[Object]] | None,
    releases: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    made = (
        from_compose(source.compose, credential) if source.compose else converted(source.objects, defaults, credential)
    )
    if not made.services:
        raise error(
            Code.INVALID_INPUT,
            "There is nothing that runs in it (Deployment, StatefulSet, CronJob, Job), so no service: use `manifests`.",
        )
    hidden(made, credential)
    made.unsaid = [*source.notes, *made.unsaid]
    with reading("an entry"):
        wrong = [
            *app_problems(made.app),
            *(one for name, entry in made.services.items() for one in entry_problems(name, entry)),
        ]
    made.unsaid += [f"{one} Correct it." for one in wrong]
    result = {
        "app": made.app,
        "services": made.services,
        "variables": made.variables,
        "text": services_text(made),
        "unsaid": made.unsaid,
        "secrets_to_make": [{"name": name, "keys_in_it": keys} for name, keys in sorted(made.secrets.items())],
        "secrets_needed": [name for name in referred_secrets(made.services) if name not in made.secrets],
    }
    if render and releases and not source.compose:
        result["comparison"] = _comparison(source, made, releases, render)
    return result


def _comparison(
    source: Source,
    made: Conversion,
    releases: Sequence[Mapping[str, Any]],
    render: Callable[[str, Mapping[str, Any]], list[Object]],
) -> list[dict[str, Any]]:
    there = source_of(source.objects)
    found = []
    for release in releases:
        name = str(release.get("name"))
        if name in made.services and name in there:
            rendered = render(name, release.get("values") or {})
            with reading(name):
                one = compared(there[name], rendered)
            found.append(
                {"service": name, "same": one.same, "lost": one.lost, "differs": one.changed, "added": one.added}
            )
    return found


def defaults_of(chart: str) -> dict[str, Any]:
    """Values of charts/service by default."""
    found = read_document((Path(chart) / "values.yaml").read_text())
    return found if isinstance(found, dict) else {}
