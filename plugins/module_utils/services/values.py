# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What follows from an entry: values of charts/service, watches, and the variables of its host."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from .graph import called
from .spec import ENVIRONMENT_NEEDS, FOREIGN
from .types import is_template

GATEWAY = "gateway"
RESOURCES = {"cpu": "50m-500m", "memory": "96Mi-192Mi"}
# Secrets of the components, where the environment names no others; Dapr reads them at a sidecar's start only.
_BROKER_SECRET, _DATABASE_SECRET = "kafka-credentials", "database"
_SECRETS = {"broker_secret": _BROKER_SECRET, "database_secret": _DATABASE_SECRET}
_HTTPS = 443
PORT = 8080  # of charts/service
METRICS = "prometheus.io/"
RUN_ONCE = ("cronjob", "job")
# Secrets that the environment makes, each with one key, `token`; the sidecar's setting and the app's variable.
APP_TOKEN, API_TOKEN = "dapr-app-token", "dapr-api-token"
_TOKENS = {
    APP_TOKEN: ("app_token_secret", "APP_API_TOKEN"),
    API_TOKEN: ("api_token_secret", "DAPR_API_TOKEN"),
}
_WATCHED = {"config": "ConfigMap", "secret": "Secret"}
_PROBES = ("startup", "liveness", "readiness")
_CALLED_BY_BROKER = ("publishes", "subscribes", "broadcasts")


def image_of(name: str, entry: Mapping[str, Any], app: Mapping[str, Any]) -> str:
    """The image in full. Without a registry or a tag it has those of the app."""
    image = entry.get("image", name)
    if is_template(image):
        return str(image)
    if "/" not in image and "registry" in app:
        image = f"{app['registry']}/{image}"
    if "@" not in image and ":" not in image.rpartition("/")[2] and "version" in app:
        image = f"{image}:{app['version']}"
    return str(image)


def callers_configuration(name: str) -> str:
    """Dapr's Configuration of a service that others call through their sidecars: it says which ones may."""
    return f"{name}-callers"


def dapr_of(entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What an entry says of its sidecar; None: it has none."""
    dapr = entry.get("dapr")
    return dapr if isinstance(dapr, Mapping) else {} if dapr else None


def connections_of(
    entry: Mapping[str, Any], called_by: Sequence[str], relabelled: Collection[str] = ()
) -> dict[str, Any]:
    """What the pods reach, and who reaches them, as ``networkPolicy`` of charts/service.

    :param relabelled: services whose pods have other labels than this policy knows; see pods
    """
    into, out = ([name for name in names if name not in relabelled] for names in (called_by, called(entry)))
    found = {"ingressFrom": into, "egressTo": out, "access": access_of(entry)}
    return {key: names for key, names in found.items() if names} | internet_of(entry)


def internet_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What it opens of all public addresses: ``internet`` with ports, or true for all; else empty."""
    internet = entry.get("internet")
    return {"internet": internet if isinstance(internet, bool) else [_HTTPS]} if internet else {}


def access_of(entry: Mapping[str, Any]) -> list[str]:
    """What is let in or out by the environment's policies: those of ``needs`` in their order, then what follows."""
    dapr = dapr_of(entry) or {}
    found = [name for name in entry.get("needs") or () if name in ENVIRONMENT_NEEDS]
    if any(dapr.get(key) for key in _CALLED_BY_BROKER):
        found.append("broker")
    if dapr.get("state"):
        found.append("database")
    if any("node_port" in public for public in publics_of(entry)):
        found.append("public")
    return list(dict.fromkeys(found))


def watches_of(
    entry: Mapping[str, Any], broker_secret: str = _BROKER_SECRET, database_secret: str = _DATABASE_SECRET
) -> list[dict[str, str]]:
    """Objects whose change restarts the pods, besides the Secrets of ``secrets``."""
    dapr = dapr_of(entry) or {}
    found = [dict(watch) for watch in entry.get("watches") or ()]
    for source in [*(entry.get("env_from") or ()), *(entry.get("volumes") or {}).values()]:
        found += [{"kind": kind, "name": source[key]} for key, kind in _WATCHED.items() if key in source]
    if any(dapr.get(key) for key in _CALLED_BY_BROKER):
        found.append({"kind": "Secret", "name": broker_secret})
    if dapr.get("state"):
        found.append({"kind": "Secret", "name": database_secret})
    return [watch for index, watch in enumerate(found) if watch not in found[:index]]


def facts(
    name: str,
    entry: Mapping[str, Any],
    app: Mapping[str, Any],
    environment: Mapping[str, Any],
    called_by: Sequence[str],
    base: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What the role app_service is told of an entry: ``chart_values``, ``connections``, ``watches``, ``app_id``,
    ``sidecar``, ``role_values`` (the part of the values that the environment's go over), and ``migrations`` if any.

    :param environment: what it says of public endpoints (see chart_values), ``broker_secret``, ``database_secret``, and
        ``relabelled`` (see connections_of)
    :param base: what the role of the entry says
    """
    watches = watches_of(entry, *(environment.get(key, usual) for key, usual in _SECRETS.items()))
    if FOREIGN & set(entry):
        return {"watches": watches}
    values = chart_values(name, entry, app, environment)
    same, own = _split(values, chart_values(name, base, app, environment) if base else {})
    return {
        "role_values": same,
        "chart_values": own,
        "connections": connections_of(entry, called_by, environment.get("relabelled", ())),
        "watches": watches,
        "app_id": (dapr_of(entry) or {}).get("app_id", name),
        "sidecar": dapr_of(entry) is not None,
        **_migrations(name, entry, app),
    }


def role_facts(
    name: str,
    base: Mapping[str, Any],
    environment: Mapping[str, Any],
    called_by: Sequence[str],
    entries_calling: Sequence[str] = (),
) -> dict[str, Any]:
    """The same of a host that is written by hand: all of it is the role's, and goes under what the inventory says.

    :param called_by: services of other roles that call this one
    :param entries_calling: entries that do
    """
    found = facts(name, base, {}, environment, called_by, base)
    policy = {"networkPolicy": found["connections"]} if found["connections"] else {}
    more = [other for other in entries_calling if other not in called_by]
    connections = {"ingressFrom": more} if more else {}
    return found | {"role_values": found["role_values"] | policy, "connections": connections}


def _split(values: Mapping[str, Any], usual: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What both say alike, and what only the values say."""
    same: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for key, value in values.items():
        other = usual.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            for part, content in zip((same, own), _split(value, other), strict=True):
                if content:
                    part[key] = content
        else:
            (same if key in usual and value == other else own)[key] = value
    return same, own


def migrations_of(entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What an entry says of migrations, as a dictionary; None: it has none."""
    migrations = entry.get("migrations")
    return {"command": migrations} if isinstance(migrations, (list, tuple)) else migrations


def _migrations(name: str, entry: Mapping[str, Any], app: Mapping[str, Any]) -> dict[str, Any]:
    said = migrations_of(entry)
    if said is None:
        return {}
    image = {"image": image_of(name, said, app)} if "image" in said else {}
    return {"migrations": {**said, "command": [_text(word) for word in said["command"]], **image}}


def chart_values(
    name: str, entry: Mapping[str, Any], app: Mapping[str, Any], ingress: Mapping[str, Any]
) -> dict[str, Any]:
    """The values of charts/service that an entry stands for; only what it says, without the chart's defaults.

    :param ingress: class_name, annotations, cluster_issuer and traefik_redirect of the environment, or exposure_api and
        gateway; ``generated``: the Secrets that it makes; ``invoked``: services that others call through Dapr
    """
    values: dict[str, Any] = {}
    if "image" in entry or "role" not in entry:
        values["image"] = image_of(name, entry, app)
    if "name" in app:
        values["partOf"] = app["name"]
    if "pull_secret" in app:
        values["imagePullSecrets"] = [app["pull_secret"]]
    if "port" in entry:
        values["port"] = port_of(entry) or 0
    for key in ("command", "args"):
        if key in entry:
            values[key] = [_text(word) for word in entry[key]]
    if "user" in entry:
        values["security"] = {"user": entry["user"]}
    if "writable" in entry:
        values["writable"] = dict.fromkeys(entry["writable"], "")
    if "env_from" in entry:
        values["envFrom"] = [_env_from(source) for source in entry["env_from"]]
    if "env" in entry:
        values["env"] = {key: _text(value) for key, value in entry["env"].items()}
    if "secrets" in entry:
        values["secretEnv"] = {key: _secret(reference) for key, reference in entry["secrets"].items()}
    if "resources" in entry or "role" not in entry:
        values["resources"] = _resources(entry)
    if "stop_seconds" in entry:
        values["terminationGracePeriodSeconds"] = entry["stop_seconds"]
    for part in (
        _kind(entry), _volumes(entry), _probes(entry), _scale(entry), _dapr(name, entry, ingress),
        _public(name, entry, ingress), _metrics(entry),
    ):  # fmt: skip
        values.update(part)
    values = over(_tokens(entry, ingress.get("generated") or {}), values)
    return over(values, entry.get("values") or {})


def over(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` over others, as Helm merges them; null stays, since it takes away what the chart has by default."""
    both = {
        key: over(base[key], value) if isinstance(value, Mapping) and isinstance(base.get(key), Mapping) else value
        for key, value in values.items()
    }
    return {**base, **both}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _secret(reference: str) -> dict[str, str]:
    secret, _slash, key = reference.partition("/")
    return {"secret": secret, "key": key}


def port_of(entry: Mapping[str, Any]) -> int | None:
    """The port that is said; None: there is none, or the chart's holds."""
    port = entry.get("port")
    return None if port == "none" else port


def _env_from(source: Mapping[str, Any]) -> dict[str, Any]:
    return {"configMap" if key == "config" else key: value for key, value in source.items()}


def _kind(entry: Mapping[str, Any]) -> dict[str, Any]:
    if "kind" not in entry:
        return {}
    kinds = {"cronjob": "CronJob", "job": "Job", "statefulset": "StatefulSet"}
    schedule = {"cronJob": {"schedule": entry["schedule"]}} if "schedule" in entry else {}
    return {"kind": kinds[entry["kind"]], **schedule}


def _volumes(entry: Mapping[str, Any]) -> dict[str, Any]:
    volumes, claims = {}, {}
    for name, said in (entry.get("volumes") or {}).items():
        if "size" in said:
            claims[name] = {"path": said["path"], "size": said["size"]}
        else:
            names = {"config": "configMap", "read_only": "readOnly"}
            volumes[name] = {names.get(key, key): value for key, value in said.items()}
    return ({"volumes": volumes} if volumes else {}) | ({"statefulSet": {"claims": claims}} if claims else {})


def _resources(entry: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {"requests": {}, "limits": {}}
    for key, both in (RESOURCES | dict(entry.get("resources") or {})).items():
        request, _hyphen, limit = both.partition("-")
        found["requests"][key], found["limits"][key] = request, limit or request
    return found


def _probes(entry: Mapping[str, Any]) -> dict[str, Any]:
    health = entry.get("health")
    if health is None:
        return {}
    if health == "none":
        return {"probes": {kind: {"type": "none"} for kind in _PROBES}}
    asked = health if isinstance(health, Mapping) else {"live": health, "ready": health}
    if "command" in asked:
        command = [_text(word) for word in asked["command"]]
        return {"probes": {kind: {"type": "exec", "command": command} for kind in _PROBES}}
    for key in ("tcp", "grpc"):
        if key in asked:
            return {"probes": {kind: {"type": key, "port": asked[key]} for kind in _PROBES}}
    live = asked.get("live", asked.get("ready"))
    paths = dict(zip(_PROBES, (live, live, asked.get("ready", live)), strict=True))
    port = {"port": asked["port"]} if "port" in asked else {}
    return {"probes": {kind: {"path": path, **port} for kind, path in paths.items()}}


def metrics_of(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """``port``, and ``path`` if it is said, of an entry's metrics; None: not said, or no port is known."""
    said = entry.get("metrics")
    if said is None:
        return None
    told = said if isinstance(said, Mapping) else {"path" if str(said).startswith("/") else "port": said}
    unknown = FOREIGN & set(entry) or entry.get("kind") in RUN_ONCE
    port = told.get("port", "none" if unknown else entry.get("port", PORT))
    return None if port == "none" else {"port": port} | {key: told[key] for key in ("path",) if key in told}


def _metrics(entry: Mapping[str, Any]) -> dict[str, Any]:
    told = metrics_of(entry)
    if told is None:
        return {}
    annotations = {"scrape": "true"} | {key: str(value) for key, value in told.items()}
    return {"podAnnotations": {f"{METRICS}{key}": value for key, value in annotations.items()}}


def _scale(entry: Mapping[str, Any]) -> dict[str, Any]:
    scale = entry.get("scale")
    if scale is None:
        return {}
    if not isinstance(scale, Mapping):
        return {"replicas": scale, "autoscaling": {"enabled": False}}
    least = scale.get("min", 1)
    most = scale.get("max", least)
    if most == least:
        return {"replicas": least, "autoscaling": {"enabled": False}}
    memory = {"targetMemoryUtilizationPercentage": scale["memory"]} if "memory" in scale else {}
    pace = {key: value for way in ("up", "down") for key, value in _pace(f"scale{way.title()}", scale.get(way) or {})}
    return {"autoscaling": {
        "enabled": True, "minReplicas": least, "maxReplicas": most,
        "targetCPUUtilizationPercentage": scale.get("cpu", 80), **memory, **pace,
    }}  # fmt: skip


def _pace(way: str, said: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """How fast pods are added or taken away; what is not said is Kubernetes' own."""
    if "after" in said:
        yield f"{way}StabilizationSeconds", said["after"]
    if set(said) - {"after"}:
        most = {"Pods": said.get("pods"), "Percent": said.get("percent", None if "pods" in said else 100)}
        every = said.get("every", 15)
        policies = [{"type": kind, "value": n, "periodSeconds": every} for kind, n in most.items() if n is not None]
        yield f"{way}Policies", policies


def _dapr(name: str, entry: Mapping[str, Any], environment: Mapping[str, Any]) -> dict[str, Any]:
    dapr = dapr_of(entry)
    if dapr is None:
        return {}
    annotations = {key: dapr[key] for key in ("app_id",) if key in dapr}
    if name in environment.get("invoked", ()):
        annotations["config"] = callers_configuration(name)
    if "port" in dapr or "port" in entry:  # none: Dapr does not call the app
        annotations["app_port"] = dapr.get("port", port_of(entry))
    annotations.update(dapr.get("sidecar") or {})
    said: dict[str, Any] = {"annotations": annotations} if annotations else {}
    if dapr.get("secrets"):
        said["secretNames"] = list(dapr["secrets"])
    return {"dapr": said} if said else {}


def _tokens(entry: Mapping[str, Any], generated: Collection[str]) -> dict[str, Any]:
    """By which the app knows its sidecar, and, where the app sends it, the sidecar its app."""
    dapr = dapr_of(entry)
    if dapr is None:
        return {}
    wanted = (APP_TOKEN, API_TOKEN) if dapr.get("api_token") else (APP_TOKEN,)
    names = {name: _TOKENS[name] for name in wanted if name in generated}
    names = {name: both for name, both in names.items() if both[0] not in (dapr.get("sidecar") or {})}
    if not names:
        return {}
    return {
        "dapr": {"annotations": {setting: name for name, (setting, _variable) in names.items()}},
        "secretEnv": {variable: {"secret": name, "key": "token"} for name, (_setting, variable) in names.items()},
    }


def publics_of(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The public endpoints, each as a dictionary."""
    public = entry.get("public")
    several = public if isinstance(public, (list, tuple)) else [] if public is None else [public]
    return [one if isinstance(one, Mapping) else {"host": one} for one in several]


def _public(name: str, entry: Mapping[str, Any], ingress: Mapping[str, Any]) -> dict[str, Any]:
    publics = publics_of(entry)
    if not publics:
        return {}
    if "node_port" in publics[0]:
        return {"service": {"type": "NodePort", "nodePort": publics[0]["node_port"]}}
    issuer = ingress.get("cluster_issuer") or ""
    own, *more = (_certificate(name, public, issuer) for public in publics)
    annotations = dict(ingress.get("annotations") or {})
    for public in publics:
        annotations.update({key: _text(value) for key, value in (public.get("annotations") or {}).items()})
    if ingress.get("exposure_api") == GATEWAY:
        return {"exposure": {"api": GATEWAY, **_of_gateway(publics, ingress)}}
    exposure: dict[str, Any] = {
        "api": "ingress",
        "annotations": annotations,
        "ingress": {
            "className": ingress.get("class_name") or "",
            "tlsSecretName": own,
            "clusterIssuer": issuer if any(public.get("tls", True) is True for public in publics) and own else "",
            "traefikRedirect": bool(own) and bool(ingress.get("traefik_redirect")),
        },
    }
    if more or "paths" in publics[0]:
        exposure["rules"] = [_rule(public, tls, own) for public, tls in zip(publics, (own, *more), strict=True)]
    else:
        exposure["host"] = publics[0]["host"]
    return {"exposure": exposure}


def _of_gateway(publics: Sequence[Mapping[str, Any]], environment: Mapping[str, Any]) -> dict[str, Any]:
    """The same hosts by routes: TLS ends at the Gateway, and what Ingresses are annotated with means nothing there."""
    annotations = {k: _text(v) for public in publics for k, v in (public.get("annotations") or {}).items()}
    said: dict[str, Any] = {"gateway": dict(environment.get("gateway") or {})}
    if annotations:
        said["annotations"] = annotations
    if len(publics) > 1 or "paths" in publics[0]:
        return {**said, "rules": [_rule(public, "", "") for public in publics]}
    return {**said, "host": publics[0]["host"]}


def _certificate(name: str, public: Mapping[str, Any], issuer: str) -> str:
    tls = public.get("tls", bool(issuer))
    return f"{name}-tls" if tls is True else tls or ""


def _rule(public: Mapping[str, Any], certificate: str, default: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"host": public["host"]}
    if certificate and certificate != default:
        rule["tlsSecretName"] = certificate
    if "paths" in public:
        rule["paths"] = [{"path": path} for path in public["paths"]]
    return rule
