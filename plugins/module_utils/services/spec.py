# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an entry of ``services:`` may say: each key with its type, default and one sentence.

The check of an inventory, docs/services.md and docs/schemas/services.json are made from this table.
"""

from __future__ import annotations

from .types import Either, Free, Key, ListOf, MapOf, Number, Plain, Struct, Switch, Text, Word

# What an environment has besides services: labels that its network policies know (charts/environment).
ENVIRONMENT_NEEDS = ("broker", "database")

NAME = Text("a name of lower-case letters, digits and hyphens (at most 52)", r"^[a-z]([a-z0-9-]{0,50}[a-z0-9])?$")
_OBJECT = Text("the name of an object", r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")
_PATH = Text("a path that begins with /", r"^/[^?#\s]*$")
_HOST = Text("a host name", r"^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$")
_VARIABLE = Text("the name of an environment variable", r"^[A-Za-z_][A-Za-z0-9_]*$")
_REFERENCE = Text("secret/key", r"^[a-z0-9][a-z0-9.-]*/[-._a-zA-Z0-9]+$", secret=True)
_CPU = Text("CPU as request-limit, in cores or millicores (`100m-1`)", r"^[0-9.]+m?(-[0-9.]+m?)?$")
_MEMORY = Text("memory as request-limit (`128Mi-256Mi`)", r"^[0-9.]+([KMGT]i?)?(-[0-9.]+([KMGT]i?)?)?$")
_TOPIC = Text("the name of a topic", r"^[A-Za-z0-9._-]+$")
_TOPICS = ListOf(_TOPIC, "topics")
_REPLICAS = Number(0, 100)
_PORT = Number(1, 65535, "port")
_SIZE = Text("a size in bytes (`1Gi`)", r"^[1-9][0-9]*([KMGT]i?)?$")
_NAMES = ListOf(NAME, "names of services")
_COMMAND = ListOf(Plain(), "words")
_LABEL = Text("the value of a label", r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")

APP = (
    Key("name", NAME, "Name of the app; what the objects are labelled to be part of.", "`todo-app`", "shop"),
    Key("registry", Text(), "Where images are whose names say no registry.", example="ghcr.io/acme"),
    Key("version", Text(), "Tag of images whose names say none.", example="v1.4.0"),
    Key("pull_secret", _OBJECT, "Secret in the namespace that pulls the images.", "none", "registry"),
)

_HEALTH = Struct((
    Key("live", _PATH, "Path that tells whether the process must be restarted.", "the path of `ready`", "/live"),
    Key("ready", _PATH, "Path that tells whether requests can be answered.", "the path of `live`", "/ready"),
    Key("port", _PORT, "Port of these paths.", "`port`", "9001"),
    Key("tcp", _PORT, "Instead: a port that takes connections.", example="3000"),
    Key("grpc", _PORT, "Instead: a port with gRPC's health service.", example="9000"),
    Key("command", _COMMAND, "Instead: a command in the container that ends with 0.", example="[pg_isready]"),
))  # fmt: skip
_PUBLIC = Struct((
    Key("host", _HOST, "Host name of the public endpoint.", example="shop.example.com"),
    Key("paths", ListOf(_PATH, "paths"), "Paths there, with all below them.", "[/]", "[/api, /docs]"),
    Key("tls", Either((Switch(), _OBJECT)), "The Secret of the certificate, or false for plain HTTP.",
        "`<service>-tls` where `ingress_cluster_issuer` is set, else plain HTTP", "shop-tls"),
    Key("node_port", Number(30000, 32767, "port"), "Instead of a host: a port of every node.", example="30080"),
    Key("annotations", MapOf(Plain(), of="annotations"), "More annotations of the Ingress.", "`ingress_annotations`"),
))  # fmt: skip
_VOLUME = Struct(
    (
        Key("path", _PATH, "Where it is mounted.", required=True),
        Key("config", _OBJECT, "A ConfigMap; its keys are files."),
        Key("secret", _OBJECT, "Instead: a Secret."),
        Key("claim", _OBJECT, "Instead: a PersistentVolumeClaim that is there."),
        Key(
            "size",
            _SIZE,
            "Instead: a new claim for each pod, with `kind: statefulset`. It is never deleted.",
            example="1Gi",
        ),
        Key("read_only", Switch(), "Whether it cannot be written to.", "false"),
    )
)
_ENV_FROM = Struct(
    (
        Key("config", _OBJECT, "A ConfigMap.", example="flags"),
        Key("secret", _OBJECT, "Instead: a Secret.", example="backend"),
        Key("prefix", _VARIABLE, "What each variable begins with.", "none", "APP_"),
        Key("optional", Switch(), "Whether the pods start without it.", "false"),
    )
)
_PACE = Struct((
    Key("after", Number(0, 3600, "seconds"), "For how long the load must ask for it.", "0 up, 300 down", "60"),
    Key("pods", Number(1, 100), "Most pods at once.", "does not count", "2"),
    Key("percent", Number(1, 1000, "percent"), "Likewise, in percent of all; with `pods`, the larger counts.",
        "100 without `pods`", "50"),
    Key("every", Number(1, 1800, "seconds"), "How often.", "15", "60"),
))  # fmt: skip
_SCALE = Struct((
    Key("min", Number(1, 100), "Fewest pods.", "1", "2"),
    Key("max", Number(1, 100), "Most pods.", "the same as `min`", "6"),
    Key("cpu", Number(1, 1000, "percent"), "CPU, in percent of the request, at which pods are added.", "80", "70"),
    Key("memory", Number(1, 1000, "percent"), "Memory, likewise.", "does not count", "80"),
    Key("up", _PACE, "How fast pods are added.", "Kubernetes' own", "{pods: 2, every: 60}"),
    Key("down", _PACE, "How fast pods are taken away.", "Kubernetes' own", "{after: 600, pods: 1, every: 60}"),
))  # fmt: skip
_DAPR = Struct((
    Key("app_id", NAME, "Id of the app for Dapr.", "the name of the service", "orders"),
    Key("port", _PORT, "Port on which Dapr calls the app.", "`port`", "8000"),
    Key("publishes", _TOPICS, "Topics that it may publish to.", "none", "[task-events]"),
    Key("subscribes", Either((_TOPICS, MapOf(_PATH, _TOPIC, "topics, each with a path"))), "Topics that it receives, "
        "one pod each message. Without paths the app names them itself (`/dapr/subscribe`).", "none",
        "{task-events: /events}"),
    Key("broadcasts", _TOPICS, "Topics that each of its pods receives.", "none", "[task-events]"),
    Key("dead_letters", Switch(), "Whether what it keeps refusing goes to the topic `<topic>-dead`. Without paths in "
        "`subscribes` the app names it itself, as `deadLetterTopic`.", "false", "true"),
    Key("state", Either((Switch(), Word(("statestore",)))), "The state store.", "no", "statestore"),
    Key("components", ListOf(NAME, "names of components"), "More components that it uses; what they are, the "
        "environment says: `dapr_components_values.components.<name>` with `type`, `metadata`, `secrets`.", "none",
        "[orders-state]"),
    Key("secrets", ListOf(_OBJECT, "names of Secrets"), "Secrets that it may read through Dapr.", "none", "[app]"),
    Key("invokes", _NAMES, "Services that it calls through Dapr (`/v1.0/invoke`). Such a service lets in those that "
        "say so, by their certificates, and answers all others with 403.", "none", "[backend-api]"),
    Key("api_token", Switch(), "Whether the app sends `DAPR_API_TOKEN` with each call of its sidecar, as Dapr's SDKs "
        "do: calls without it are then refused. Where the environment makes the Secret `dapr-api-token`.", "false",
        "true"),
    Key("cron", MapOf(Text(), NAME, "times"), "Calls of the app at times: the name is the path, the value a cron "
        "expression or an interval.", "none", '{tick: "@every 1m"}'),
    Key("sidecar", Free(), "Dapr's annotations without their prefix, over `app_service_sidecar_settings`.", "none",
        "{log_level: debug}"),
))  # fmt: skip

_MIGRATIONS = Struct((
    Key("command", _COMMAND, "The command. It has the variables, Secrets, volumes and connections of the service, but "
        "no sidecar and no `calls`.", required=True, example="[alembic, upgrade, head]"),
    Key("image", Text(), "Another image; a name is completed like that of the service.", "that of the service",
        "backend-migrations"),
    Key("when", Word(("before", "after")), "Whether it runs before the wave of the service, or after it.", "before",
        "after"),
    Key("timeout", Number(1, 86400, "seconds"), "Seconds after which it is stopped.", "600", "1800"),
    Key("reversible", Switch(), "Whether older versions of the service work afterwards. If not, no rollback takes the "
        "service to a version before it.", "true", "false"),
))  # fmt: skip

_PODS = Struct((
    Key("labels", MapOf(_LABEL, of="labels"), "Labels that all of its pods have, and no others.",
        "`{app.kubernetes.io/instance: <service>}`", "{app: search}"),
    Key("ports", ListOf(_PORT, "ports"), "Ports of the pods on which they are called.", "none", "[7700]"),
    Key("public", Switch(), "Whether the public endpoint reaches these ports; the chart itself makes its Ingress.",
        "false", "true"),
))  # fmt: skip

_METRICS = Struct((
    Key("port", _PORT, "Port that tells them.", "`port`", "9100"),
    Key("path", _PATH, "Path there.", "/metrics", "/actuator/prometheus"),
))  # fmt: skip

_LATER = "this collection does not build that yet. Take the key out."
ENTRY = (
    Key("image", Text(), "Image. Without a registry it is that of `app.registry`, without a tag that of `app.version`.",
        "`<app.registry>/<service>:<app.version>`", "ghcr.io/acme/search:v1.4.0"),
    Key("build", ListOf(Text(), "paths"), "Files and folders of the repository that the image is built from, the "
        "Dockerfile too. While none of them changes, images.yml lets it stay, and its pods do not restart.",
        "it is built for each commit", "[backend_api, todo_common, Dockerfile, requirements.txt]"),
    Key("role", Text("the name of a role", r"^[a-z][a-z0-9_]*$"), "A role of this collection that says what the "
        "service is; the entry says what differs.", "none", "backend_api"),
    Key("kind", Word(("cronjob", "job", "statefulset")), "Something else than pods that all are alike and stay.",
        "a Deployment", "cronjob"),
    Key("schedule", Text(), "When a cronjob runs.", example='"0 3 * * *"'),
    Key("port", Either((_PORT, Word(("none",)))), "Port that the container listens on; it is also in `PORT`. A worker "
        "has none.", "8080", "3000"),
    Key("public", Either((_HOST, _PUBLIC, ListOf(Either((_HOST, _PUBLIC)), "hosts"))), "The public endpoint.", "none",
        "shop.example.com"),
    Key("health", Either((_PATH, Word(("none",)), _HEALTH)), "How to ask the service whether it is well.",
        "`{live: /health, ready: /ready}`", "/api/health"),
    Key("metrics", Either((_PATH, _PORT, _METRICS)), "Where Prometheus reads its metrics: a path, a port, or both. The "
        "pods say so (annotations `prometheus.io/scrape`, `port`, `path`). As soon as one entry says it, monitoring "
        "(`environment_values.networkPolicies.monitoring`, usually the namespace `monitoring`) reaches the ports that "
        "entries say here, and sidecars on 9090: no others.", "not told; monitoring reaches the port of each service",
        "/metrics"),
    Key("env", MapOf(Plain(), _VARIABLE, "variables"), "Environment variables. Secrets go into `secrets`.", "none",
        "{LOG_LEVEL: info}"),
    Key("env_from", ListOf(_ENV_FROM), "All keys of a ConfigMap or Secret as environment variables. The pods restart "
        "once when it changes.", "none", "[{secret: backend}, {config: flags}]"),
    Key("secrets", MapOf(_REFERENCE, _VARIABLE, "variables, each secret/key"), "Environment variables from Secrets of "
        "the namespace. The pods restart once when such a Secret changes.", "none", "{DATABASE_URL: database/url}"),
    Key("calls", _NAMES, "Services that it calls: both network policies let it.", "none", "[backend-api]"),
    Key("needs", ListOf(Text(), "names"), "What it cannot do without: `database`, `broker`, or services.", "none",
        "[database, broker]"),
    Key("after", _NAMES, "Services that must be verified before it is deployed.", "those of `calls` and `needs`",
        "[backend-api]"),
    Key("internet", Either((Switch(), ListOf(_HOST, "host names"))), "Hosts outside that it calls. A policy knows no "
        "names: hosts open port 443 of all public addresses, true all ports.", "none", "[api.example.com]"),
    Key("dapr", Either((Switch(), _DAPR)), "Its sidecar, and what it does through it.", "no sidecar",
        "{publishes: [task-events], state: statestore}"),
    Key("scale", Either((_REPLICAS, _SCALE)), "How many pods, or between how many.",
        "`app_service_values.replicas`, else 1", "{min: 2, max: 6, cpu: 70}"),
    Key("resources", Struct((
        Key("cpu", _CPU, "Request and limit; one number is both.", "`50m-500m`", "100m-1"),
        Key("memory", _MEMORY, "Request and limit, in bytes (`Mi`, `Gi`); one number is both.", "`96Mi-192Mi`",
            "128Mi-256Mi"),
    )), "What a pod gets, its sidecar not counted.", "`{cpu: 50m-500m, memory: 96Mi-192Mi}`",
        "{cpu: 100m-1, memory: 128Mi-256Mi}"),
    Key("user", Either((Word(("image",)), Number(0, 2**31 - 1, "user id"))), "Who the process is: the image's own "
        "user, or a number; 0 is root and needs `environment_pod_security: {enforce: baseline}`.", "65532", "image"),
    Key("writable", ListOf(_PATH, "paths"), "Folders that can be written to, besides /tmp; the rest is read-only.",
        "none", "[/app/.next/cache]"),
    Key("volumes", MapOf(_VOLUME, NAME, "volumes (below)"), "What is mounted.", "none",
        "{settings: {path: /etc/app, config: settings}}"),
    Key("command", _COMMAND, "Command instead of the image's.", "the image's", "[python, -m, worker]"),
    Key("args", _COMMAND, "Arguments instead of the image's.", "the image's", "[--verbose]"),
    Key("migrations", Either((_COMMAND, _MIGRATIONS)), "Command that runs once for each new image, before the service "
        "is deployed. If it fails, the service stays as it is.", "none", "[alembic, upgrade, head]"),
    Key("watches", ListOf(Struct((
        Key("kind", Word(("Secret", "ConfigMap")), "Kind of the object.", required=True),
        Key("name", _OBJECT, "Its name.", required=True),
    ))), "Objects whose change restarts the pods once, besides `secrets`.", "none",
        "[{kind: ConfigMap, name: flags}]"),
    Key("stop_seconds", Number(6, 3600, "seconds"), "Seconds that a pod has to end.", "30", "45"),
    Key("stability_seconds", Number(0, 3600, "seconds"), "Seconds that its pods must stay ready to count.",
        "`release_stability_seconds`", "30"),
    Key("graces", MapOf(Plain(), of="seconds"), "Grace periods, as the option of release_apply.",
        "`release_graces`", "{image_pull: 60}"),
    Key("rollback_floor", Plain(), "How far back a rollback may go: a release set or a version.", "none", "v1.4.0"),
    Key("chart", Text(), "Any chart instead of the chart `service`: a folder, an archive or a reference; `./` and "
        "`../` begin at the inventory's folder. Of the other keys only `chart_version`, `values`, `files`, `after`, "
        "`watches`, `graces`, `stability_seconds` and `rollback_floor` go with it, and with `pods` also `calls`, "
        "`needs`, `internet` and `metrics`; further network policies are its own.", "none", "oci://ghcr.io/acme/charts/search"),
    Key("manifests", ListOf(Text(), "files, folders or globs"), "Objects as they are, instead of a chart: YAML of "
        "Kubernetes, from the inventory's folder; of kustomize what `kubectl kustomize` prints. Nothing in them is a "
        "template. Objects that are there already become the release's. Of the other keys only `after`, `graces`, "
        "`stability_seconds` and `rollback_floor` go with it, and with `pods` also `calls`, `needs`, `internet` and "
        "`metrics`.", "none", "[k8s]"),
    Key("pods", _PODS, "Which pods of `chart` or `manifests` call others and are called, for the network policies.",
        "others cannot call it", "{labels: {app: search}, ports: [7700]}"),
    Key("chart_version", Text(), "Exact version of a chart that is given by a reference.", example="1.4.2"),
    Key("values", Free(), "Values of that chart. Without `chart`: the last word on the values of charts/service, for "
        "what no key here says (a container beside it, nodes, capabilities).", "none", "{nodeSelector: {disk: ssd}}"),
    Key("files", ListOf(Text(), "paths"), "Values files of that chart, by their paths from the inventory's folder, "
        "which is no place for them: Ansible would read them as hosts. `values` are over them.", "none",
        "[../../values/staging.yaml]"),
    Key("topics", Free(), "Topics of the broker.", later=_LATER),
    Key("logins", Free(), "Logins of the database and the broker.", later=_LATER),
    Key("alerts", Free(), "Alerts.", later=_LATER),
)  # fmt: skip

# The keys that any chart can have; the others are values of the chart `service`.
OF_ANY_CHART = frozenset({
    "chart", "chart_version", "values", "files", "after", "watches", "graces", "stability_seconds", "rollback_floor",
})  # fmt: skip
OF_MANIFESTS = frozenset({"manifests", "after", "graces", "stability_seconds", "rollback_floor"})
OF_OWN_CHART = ("chart_version", "files")
# What the network policies need to know of pods that others describe, and the keys that they then follow from.
PODS = "pods"
OF_PODS = frozenset({"calls", "needs", "internet", "metrics"})
# What runs is not the chart `service`.
FOREIGN = frozenset({"chart", "manifests"})

ENTRY_TYPE = Struct(ENTRY)
APP_TYPE = Struct(APP)
