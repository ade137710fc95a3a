# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Dapr components whose type the sidecars do not know: they would not start.

A sidecar says which components it has loaded (its metadata API), not which types it knows. So the table below counts:
what ``cmd/daprd/components`` of https://github.com/dapr/dapr registers in any of Dapr 1.13 to 1.18, the building blocks
as ``pkg/components`` names them. Whoever brings types of their own (pluggable components, another image of the
sidecar, a type that runs in the namespace already) is not refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..failure import Code
from ..helm.manifest import key_of
from ..kube.api import KubeReader
from ..kube.errors import KubeError
from ..kube.resources import DEPLOYMENT, POD, WELL_KNOWN
from ..readiness.daprd import image_version
from ..readiness.rules import group_of
from ..readiness.templates import Object, Template, items, mapping
from .needs import label_of
from .problem import Problem

_COMPONENT = WELL_KNOWN["dapr.io/v1alpha1", "Component"]
_FIRST, _LAST = 13, 18  # minor versions of the table
_TYPES = {
    "bindings": """
        alicloud.dingtalk.webhook alicloud.dubbo alicloud.oss alicloud.sls alicloud.tablestore apns aws.dynamodb
        aws.kinesis aws.s3 aws.ses aws.sns aws.sqs azure.blobstorage azure.cosmosdb azure.cosmosdb.gremlinapi
        azure.eventgrid azure.eventhubs azure.openai azure.servicebus.queues azure.servicebusqueues azure.signalr
        azure.storagequeues cloudflare.queues commercetools cron dingtalk.webhook dubbo gcp.bucket gcp.pubsub
        graphql http huawei.obs influx kafka kitex kubemq kubernetes localstorage mqtt mqtt3 mysql postgres
        postgresql postmark rabbitmq redis rethinkdb.statechange rocketmq sftp smtp twilio.sendgrid twilio.sms
        wasm zeebe.command zeebe.jobworker
    """,
    "configuration": "azure.appconfig kubernetes postgres postgresql redis",
    "conversation": "anthropic aws.bedrock deepseek echo googleai huggingface mistral ollama openai",
    "crypto": "azure.keyvault dapr.jwks dapr.kubernetes.secrets dapr.localstorage",
    "lock": "redis",
    "middleware.http": """
        bearer oauth2 oauth2clientcredentials opa ratelimit routeralias routerchecker sentinel uppercase wasm
    """,
    "pubsub": """
        aws.snssqs azure.eventhubs azure.servicebus azure.servicebus.queues azure.servicebus.topics
        azure.servicebusqueues gcp.pubsub in-memory jetstream kafka kubemq mqtt mqtt3 pulsar rabbitmq redis
        rocketmq snssqs solace.amqp
    """,
    "secretstores": """
        alicloud.parameterstore aws.parameterstore aws.secretmanager azure.keyvault gcp.secretmanager
        hashicorp.vault huaweicloud.csms kubernetes local.env local.file tencentcloud.ssm
    """,
    "state": """
        aerospike alicloud.tablestore aws.dynamodb azure.blobstorage azure.cosmosdb azure.tablestorage cassandra
        cloudflare.workerskv cockroachdb coherence consul couchbase etcd gcp.firestore hashicorp.consul hazelcast
        in-memory jetstream memcached mongodb mysql oci.objectstorage oracledatabase postgres postgresql ravendb
        redis rethinkdb sqlite sqlite3 sqlserver yugabyte yugabytedb zookeeper
    """,
    "workflowbackend": "actor actors sqlite",
}
_KNOWN = frozenset(f"{block}.{name}" for block, names in _TYPES.items() for name in names.split())
_OFFICIAL = re.compile(r"(^|/)dapr(io)?/daprd(:|@|$)")  # mirrors keep that part
_INJECTOR = "dapr-sidecar-injector"
_PLUGGABLE = (
    "dapr.io/pluggable-components", "dapr.io/inject-pluggable-components", "dapr.io/component-container",
    "dapr.io/sidecar-image", "dapr.io/unix-domain-socket-path",
)  # fmt: skip
_REFERENCE = "https://docs.dapr.io/reference/components-reference/"


def unknown_types(
    kube: KubeReader,
    namespace: str,
    dapr_namespace: str,
    rendered: Mapping[str, Sequence[Object]],
    templates: Iterable[Template],
) -> Iterator[Problem]:
    """Components of rendered releases whose type is not in the table; nothing is asked where there are none.

    ``templates``: the pods of these releases.
    """
    found = [
        (release, item, kind)
        for release, objects in rendered.items()
        for item in objects
        if _is_component(item) and (kind := _type(item)) and kind.lower() not in _KNOWN
    ]
    metadata = [template.annotations for template in templates]
    metadata += [_annotations(item) for objects in rendered.values() for item in objects if _is_component(item)]
    if not found or _plugs(metadata):
        return
    there = _there(kube, namespace)
    if there is None:
        return
    image = _sidecar_image(kube, dapr_namespace)
    version = image_version(image)
    for release, item, kind in found:
        if kind.lower() in there:
            continue
        certain = _is_of_table(image, version) and mapping(item.get("spec")).get("ignoreErrors") is not True
        message = f"{label_of(item)} has the type {kind!r}, which Dapr {version} does not know".replace("  ", " ")
        yield Problem(release, Code.COMPONENT_NOT_LOADED, message, _remedy(kind), certain)


def _is_component(item: Object) -> bool:
    return key_of(item)[0] == "Component" and group_of(item) == "dapr.io"


def _type(item: Object) -> str:
    return str(mapping(item.get("spec")).get("type") or "")


def _annotations(item: Object) -> Object:
    return mapping(mapping(item.get("metadata")).get("annotations"))


def _plugs(metadata: Iterable[Object]) -> bool:
    """Whether somebody brings types of their own."""
    return any(annotations.get(name) for annotations in metadata for name in _PLUGGABLE)


def _there(kube: KubeReader, namespace: str) -> set[str] | None:
    """Types that the namespace's components have already; None: its pods bring types, or nobody can tell."""
    try:
        pods, _version = kube.list_(POD, namespace)
        components, _version = kube.list_(_COMPONENT, namespace)
    except KubeError:
        return None
    if _plugs(_annotations(item) for item in [*pods, *components]):
        return None
    return {_type(item).lower() for item in components}


def _sidecar_image(kube: KubeReader, dapr_namespace: str) -> str:
    """The image that Dapr's injector adds to pods; empty if that can't be read."""
    try:
        injector = kube.find(DEPLOYMENT, dapr_namespace, _INJECTOR)
    except KubeError:
        return ""
    pods = mapping(mapping(mapping(injector).get("spec")).get("template"))
    variables = [env for c in items(mapping(pods.get("spec")).get("containers")) for env in items(c.get("env"))]
    return next((str(env.get("value") or "") for env in variables if env.get("name") == "SIDECAR_IMAGE"), "")


def _is_of_table(image: str, version: str) -> bool:
    found = re.match(r"1\.(\d+)\.", version)
    return bool(found and _FIRST <= int(found[1]) <= _LAST and _OFFICIAL.search(image))


def _remedy(kind: str) -> str:
    near = difflib.get_close_matches(kind.lower(), sorted(_KNOWN), n=1, cutoff=0.6)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"name one of {_REFERENCE}{meant}"
