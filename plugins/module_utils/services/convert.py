# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects of Kubernetes as entries of ``services``: what a team has, said in its own file. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..helm.manifest import hook_of
from .convert_calls import CLOSED, addressed
from .convert_entry import entry_of
from .convert_hooks import hooks_said
from .convert_parts import part_values, ports_of
from .convert_pod import main_container, pod_values
from .convert_policies import policies_of
from .convert_source import Group, Notes, Object, each, groups_of, name_of, part, reading, title_of
from .graph import Cycle, waves
from .spec import NAME
from .types import check
from .values import over

_SECRETS = ("secretKeyRef", "secretRef", "secretName")
_INSTEAD = {
    "ServiceAccount": "no service of the source has it; each service gets an account of its own",
    "PodDisruptionBudget": "it chooses the pods of no service alone; each service gets one of its own",
    "Namespace": "it is the environment's, `environment_namespace`",
}
_KEPT = "keep it in `manifests` of an entry of its own, or in a chart"


@dataclass
class Conversion:
    """What the source is in ``services``.

    :ivar variables: of the environment, which the entries count on
    :ivar unsaid: what they cannot say, a sentence each
    :ivar secrets: Secrets that have to be made, each with its keys
    """

    app: dict[str, Any] = field(default_factory=dict)
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    unsaid: list[str] = field(default_factory=list)
    secrets: dict[str, list[str]] = field(default_factory=dict)


def converted(
    objects: Iterable[Object], defaults: Mapping[str, Any], is_credential: Callable[[str, str], bool]
) -> Conversion:
    """The entries of all workloads.

    :param defaults: values.yaml of charts/service
    :param is_credential: whether a variable, by name and value, must not be shown
    :raises Malformed: something has a field that Kubernetes would not take
    """
    notes, objects = Notes(), list(objects)
    with reading("an object"):
        groups, left = groups_of(objects)
    wanted = {}
    for group in groups:
        with reading(title_of(group.workload)):
            wanted[group.name] = _wanted(group, notes, is_credential)
    with reading("a network policy"):
        for name, policy in policies_of(groups, notes).items():
            wanted[name] = over(wanted[name], {"networkPolicy": policy})
    with reading("a variable"):
        for group in groups:
            if not group.own and not group.of("NetworkPolicy"):
                _add_calls(group, groups, objects, wanted, notes)
    own = {group.name: group.own for group in groups}
    with reading("an object"):
        _leftovers(left, notes)
        app, ingress = _app(groups, wanted), _ingress(wanted)
    found = Conversion(app, {}, _variables(ingress), notes.unsaid, notes.secrets)
    for name, values in wanted.items():
        others = [other for other in wanted if other != name]
        with reading(name):
            found.services[name] = entry_of(name, values, defaults, app, ingress, others, own[name])
    with reading("a hook"):
        hooks_said([item for item in objects if hook_of(item) is not None], found.services, notes)
    try:
        waves(found.services)
    except Cycle as circle:
        notes.say(str(circle))
    return found


def _add_calls(
    group: Group, groups: list[Group], objects: list[Object], wanted: dict[str, dict[str, Any]], notes: Notes
) -> None:
    """Whom it calls, by its variables, its words, and the ConfigMaps that are variables."""
    values = wanted[group.name]
    hosts = {name_of(service): other.name for other in groups if other is not group for service in other.services}
    configs = {
        source.get("configMap") for source in [*values.get("envFrom", ()), *values.get("configEnv", {}).values()]
    }
    texts = [*values.get("env", {}).values(), *values.get("command", ()), *values.get("args", ())]
    for item in objects:
        if item.get("kind") == "ConfigMap" and name_of(item) in configs:
            texts += part(item, "data").values()
    calls = [name for name in hosts if name in addressed(texts, hosts)]
    notes.say(CLOSED)
    if calls:
        policy = values.setdefault("networkPolicy", {})
        policy["egressTo"] = list(dict.fromkeys([*policy.get("egressTo", ()), *(hosts[name] for name in calls)]))
    for name in calls:
        if hosts[name] != name:
            notes.say(f"{group.name}: it calls {name}, whose host name is {hosts[name]} now.")


def _wanted(group: Group, notes: Notes, is_credential: Callable[[str, str], bool]) -> dict[str, Any]:
    container = main_container(group)
    port, _main = ports_of(group, container)
    if group.workload["kind"] in ("Job", "CronJob"):
        port = 0
    pod = pod_values(group, port, notes, is_credential)
    if not container.get("resources") and not group.own:
        notes.say(f"{group.name}: it has no requests and limits; the entry has the defaults. Say `resources`.")
    if pod["image"].endswith(":latest") or ":" not in pod["image"].rpartition("/")[2]:
        notes.say(f"{group.name}: its image has no tag that stays the same; a deployment wants one.")
        if ":" not in pod["image"].rpartition("/")[2]:
            pod["image"] += ":latest"
    if pod["security"]["user"] == "image" and not group.own:
        notes.say(
            f"{group.name}: `user: image` refuses an image that runs as root or as a named user; then say a number."
        )
    values = over(over(pod, part_values(group, container, port, notes)), {"port": port})
    if group.workload["kind"] in ("Job", "CronJob"):
        del values["port"]
    return values


def _app(groups: list[Group], wanted: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """What all of them share: the app that they are part of, and the Secret that pulls their images."""
    names = {part(group.workload, "metadata", "labels").get("app.kubernetes.io/part-of") for group in groups}
    pulls = [values.pop("imagePullSecrets") for values in wanted.values()]
    found: dict[str, Any] = {}
    name = names.pop() if len(names) == 1 else None
    if isinstance(name, str) and not list(check(NAME, name, "name")):
        found["name"] = name
    if pulls and len(pulls[0]) == 1 and all(one == pulls[0] for one in pulls):
        found["pull_secret"] = pulls[0][0]
    for values, secrets in zip(wanted.values(), pulls, strict=True):
        if secrets or "pull_secret" in found:
            values["imagePullSecrets"] = secrets
        if "name" not in found and groups and groups[0].own:
            values["partOf"] = name or "todo-app"
    return found


def _ingress(wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What an environment says of all its public endpoints, from the first of them."""
    said = [values["exposure"] for values in wanted.values() if (values.get("exposure") or {}).get("api") == "ingress"]
    if not said:
        return {}
    own = said[0]["ingress"]
    return {
        "class_name": own["className"], "cluster_issuer": own["clusterIssuer"],
        "annotations": said[0]["annotations"], "traefik_redirect": own["traefikRedirect"],
    }  # fmt: skip


def _variables(ingress: Mapping[str, Any]) -> dict[str, Any]:
    return {f"ingress_{key}": value for key, value in ingress.items() if value}


def _leftovers(left: list[Object], notes: Notes) -> None:
    for item in left:
        kind = item.get("kind")
        if kind in _INSTEAD:
            notes.say(f"{title_of(item)}: {_INSTEAD[str(kind)]}.")
            continue
        if kind == "Secret":
            for key in [*part(item, "data"), *part(item, "stringData")]:
                notes.secret(str(part(item, "metadata").get("name")), str(key))
            continue
        notes.say(f"{title_of(item)}: no entry says it; {_KEPT}.")


def referred_secrets(services: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Secrets that the entries read, which have to be in the namespace."""
    found = {str(ref).partition("/")[0] for entry in services.values() for ref in (entry.get("secrets") or {}).values()}
    for entry in services.values():
        found |= {str(one["secret"]) for one in each(entry, "env_from") if "secret" in one}
        found |= {str(one["secret"]) for one in (entry.get("volumes") or {}).values() if "secret" in one}
    return sorted(found)
