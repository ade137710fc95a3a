"""The chart dapr-components: names, scopes, and every connection fact by reference."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.unit.charts.rendering import CHARTS, COMPONENTS, Helm, RenderError, pick


def facts(component: dict[str, Any]) -> dict[str, Any]:
    """Metadata name -> value, or (Secret, key)."""
    found = {}
    for item in component["spec"]["metadata"]:
        reference = item.get("secretKeyRef")
        found[item["name"]] = (reference["name"], reference["key"]) if reference else item["value"]
    return found


def test_names_and_types(helm: Helm) -> None:
    found = {o["metadata"]["name"]: o["spec"]["type"] for o in helm.components() if o["kind"] == "Component"}
    assert found == {
        "pubsub": "pubsub.kafka",
        "pubsub-broadcast": "pubsub.kafka",
        "statestore": "state.postgresql",
        "kubernetes-secrets": "secretstores.kubernetes",
    }
    assert pick(helm.components(), "Configuration")["metadata"]["name"] == "todo"


@pytest.mark.parametrize("name", ["pubsub", "pubsub-broadcast"])
def test_connection_comes_from_the_secret(helm: Helm, name: str) -> None:
    component = pick(helm.components(), "Component", name)
    secret = "kafka-credentials"
    assert (
        facts(component).items()
        >= {
            "brokers": (secret, "brokers"),
            "saslUsername": (secret, "username"),
            "saslPassword": (secret, "password"),
            "saslMechanism": (secret, "dapr_mechanism"),
            "disableTls": (secret, "disable_tls"),
            "authType": "password",
            "version": "3.6.0",
            "maxMessageBytes": "1048576",
        }.items()
    )
    assert component["auth"] == {"secretStore": "kubernetes"}
    assert "caCert" not in facts(component)


def test_private_authority_comes_from_the_secret(helm: Helm) -> None:
    component = pick(helm.components(kafka={"privateCA": True}), "Component", "pubsub")
    assert facts(component)["caCert"] == ("kafka-credentials", "ca.crt")


def test_one_group_per_app_or_per_pod(helm: Helm) -> None:
    objects = helm.components()
    shared, broadcast = (facts(pick(objects, "Component", n)) for n in ("pubsub", "pubsub-broadcast"))
    assert (shared["consumerGroup"], shared["initialOffset"]) == ("todo-staging.{appID}", "oldest")
    assert (broadcast["consumerGroup"], broadcast["initialOffset"]) == ("todo-staging.{podName}", "newest")


def test_topics_are_those_of_the_environment_unless_the_broker_is_its_own(helm: Helm) -> None:
    """Dapr puts the namespace before every topic as soon as one metadata value holds {namespace}."""

    def named(**values: Any) -> set[str]:
        components = [o for o in helm.components(**values) if o["kind"] == "Component"]
        return {o["metadata"]["name"] for o in components if "{namespace}" in str(facts(o).values())}

    assert named() == {"pubsub", "pubsub-broadcast"}
    assert named(kafka={"topicsPerEnvironment": False}) == set()
    groups = [
        facts(pick(helm.components(kafka={"topicsPerEnvironment": own}), "Component", "pubsub"))["consumerGroup"]
        for own in (True, False)
    ]
    assert groups[0] == groups[1], "offsets stay"


def test_who_may_publish_and_subscribe(helm: Helm) -> None:
    objects = helm.components()
    component = pick(objects, "Component", "pubsub")
    assert component["scopes"] == ["backend-api", "notification-service", "recurring-task-service"]
    scopes = (
        "backend-api=task-events,reminders",
        "notification-service=reminders-dead",
        "recurring-task-service=task-events-dead",
    )
    assert facts(component)["publishingScopes"] == ";".join(scopes)
    assert (
        facts(component)["subscriptionScopes"]
        == "backend-api=;notification-service=reminders;recurring-task-service=task-events"
    )
    broadcast = pick(objects, "Component", "pubsub-broadcast")
    assert broadcast["scopes"] == ["sse-gateway"]
    assert facts(broadcast)["publishingScopes"] == "sse-gateway="
    assert facts(broadcast)["subscriptionScopes"] == "sse-gateway=task-events,reminders"


def test_every_component_is_scoped(helm: Helm) -> None:
    """Without scopes a component is for every app of the namespace."""
    for component in [o for o in helm.components() if o["kind"] == "Component"]:
        assert component["scopes"]


def test_state_store(helm: Helm) -> None:
    component = pick(
        helm.components(statestore={"apps": ["backend-api"], "queryExecMode": "exec"}), "Component", "statestore"
    )
    assert component["spec"]["version"] == "v2"
    assert component["scopes"] == ["backend-api"]
    assert facts(component) == {
        "connectionString": ("database", "url"),
        "maxConns": "4",
        "tablePrefix": "dapr_",
        "queryExecMode": "exec",
    }


def test_stores_nobody_uses_are_not_made(helm: Helm) -> None:
    objects = helm.components(statestore={"apps": []}, secretStore={"apps": {"backend-api": None}})
    assert {o["metadata"]["name"] for o in objects if o["kind"] == "Component"} == {"pubsub", "pubsub-broadcast"}


def test_secret_store_hands_out_named_secrets_only(helm: Helm) -> None:
    objects = helm.components(secretStore={"apps": {"notification-service": ["mail", "app"]}})
    assert pick(objects, "Component", "kubernetes-secrets")["scopes"] == ["backend-api", "notification-service"]
    assert pick(objects, "Configuration")["spec"]["secrets"]["scopes"] == [
        {"storeName": "kubernetes", "defaultAccess": "deny"},
        {"storeName": "kubernetes-secrets", "defaultAccess": "deny", "allowedSecrets": ["app", "mail"]},
    ]


def test_configuration(helm: Helm) -> None:
    spec = pick(helm.components(), "Configuration")["spec"]
    assert spec["features"] == [{"name": "HotReload", "enabled": False}]
    assert spec["accessControl"]["defaultAction"] == "deny"
    assert spec["metrics"] == {"enabled": True, "http": {"increasedCardinality": False}}
    assert spec["tracing"] == {"samplingRate": "0.1"}
    traced = helm.components(configuration={"tracing": {"samplingRate": "1", "otelEndpoint": "tempo.monitoring:4317"}})
    assert pick(traced, "Configuration")["spec"]["tracing"] == {
        "samplingRate": "1",
        "otel": {"endpointAddress": "tempo.monitoring:4317", "protocol": "grpc", "isSecure": False},
    }


def test_components_of_any_type(helm: Helm) -> None:
    objects = helm.components(**COMPONENTS)
    types = {o["metadata"]["name"]: o["spec"]["type"] for o in objects if o["kind"] == "Component"}
    assert types == {
        **{name: component["type"] for name, component in COMPONENTS["components"].items()},
        "kubernetes-secrets": "secretstores.kubernetes",
    }
    state = pick(objects, "Component", "orders-state")
    assert facts(state) == {"redisHost": "redis:6379", "on": "true", "redisPassword": ("redis", "password")}
    assert (state["auth"], state["scopes"]) == ({"secretStore": "kubernetes"}, ["orders", "1e3"])
    assert {o["metadata"]["labels"]["app.kubernetes.io/part-of"] for o in objects} == {"shop"}


def test_declarative_subscriptions(helm: Helm) -> None:
    found = pick(helm.components(**COMPONENTS), "Subscription", "orders")
    assert found["spec"] == {
        "pubsubname": "events", "topic": "orders", "routes": {"default": "/orders"}, "deadLetterTopic": "dead",
        "bulkSubscribe": {"enabled": True, "maxMessagesCount": 10},
    }  # fmt: skip
    assert found["scopes"] == ["worker"]


def test_resiliency_is_daprs_own(helm: Helm) -> None:
    asked = COMPONENTS["resiliency"]["calls"]
    found = pick(helm.components(**COMPONENTS), "Resiliency")
    assert found["spec"] == {"policies": asked["policies"], "targets": asked["targets"]}
    assert found["scopes"] == ["orders"]


def test_the_broker_and_the_state_store_are_borne_with(helm: Helm) -> None:
    found = pick(helm.components(), "Resiliency", "dependencies")
    broker = {"outbound": {"timeout": "publish", "retry": "publish"}, "inbound": {"retry": "deliver"}}
    both = ("pubsub", "pubsub-broadcast")
    assert found["spec"]["targets"]["components"] == {
        "statestore": {"outbound": {"timeout": "state", "retry": "state"}},
        **{name: {**broker, "outbound": {**broker["outbound"], "circuitBreaker": name}} for name in both},
    }
    policies = found["spec"]["policies"]
    assert policies["retries"]["deliver"] == {"policy": "exponential", "maxInterval": "5s", "maxRetries": 20}
    assert policies["circuitBreakers"]["pubsub"]["trip"] == "consecutiveFailures >= 5"
    assert found["scopes"] == ["backend-api", "notification-service", "recurring-task-service", "sse-gateway"]


def test_an_app_waits_longer_than_its_sidecar_tries(helm: Helm) -> None:
    """Else it would publish an event again that its sidecar is still publishing."""
    policies = pick(helm.components(), "Resiliency", "dependencies")["spec"]["policies"]
    tries, seconds = policies["retries"]["publish"]["maxRetries"] + 1, int(policies["timeouts"]["publish"].rstrip("s"))
    source = (CHARTS.parent / "examples/todo-app/todo_common/dapr.py").read_text()
    (limit,) = re.findall(r"^_PUBLISH_SECONDS = (\d+)$", source, re.M)
    assert tries * seconds + (tries - 1) * 0.75 < int(limit)


def test_what_a_team_says_of_a_component_holds(helm: Helm) -> None:
    own = {"apps": ["a"], "policies": {"timeouts": {"t": "1s"}},
           "targets": {"components": {"pubsub": {"outbound": {"timeout": "t"}}}}}  # fmt: skip
    found = pick(helm.components(resiliency={"own": own}), "Resiliency", "dependencies")
    assert found["spec"]["targets"]["components"].keys() == {"pubsub-broadcast", "statestore"}
    assert "Resiliency" not in {o["kind"] for o in helm.components(patience={"enabled": False})}


def test_another_configuration_is_the_first_with_what_differs(helm: Helm) -> None:
    objects = helm.components(**COMPONENTS)
    first, other = (pick(objects, "Configuration", name)["spec"] for name in ("shop", "open"))
    assert first["httpPipeline"] == {"handlers": [{"name": "limit", "type": "middleware.http.ratelimit"}]}
    assert other["accessControl"] == {
        "defaultAction": "allow", "trustDomain": "public",
        "policies": [{
            "appId": "frontend", "defaultAction": "deny", "trustDomain": "public", "namespace": "todo-staging",
            "operations": [{"name": "/orders/*", "httpVerb": ["GET", "POST"], "action": "allow"}],
        }],
    }  # fmt: skip
    assert (first["tracing"], other["tracing"]) == ({"samplingRate": "0.1"}, {"samplingRate": "1"})
    assert other["secrets"] == first["secrets"]


REDIS = {"type": "state.redis", "apps": ["a"]}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"components": {"x": {"type": "redis", "apps": ["a"]}}}, "/components/x/type"),
        ({"components": {"x": {"type": "state.redis"}}}, "/components/x"),
        ({"components": {"x": {"type": "state.redis", "apps": []}}}, "/components/x/apps"),
        ({"components": {"x": {**REDIS, "metadata": {"redisDB": 1}}}}, "/components/x/metadata/redisDB"),
        ({"components": {"x": {**REDIS, "secrets": {"redisPassword": "p"}}}}, "/components/x/secrets/redisPassword"),
        ({"components": {"x": {**REDIS, "metadata": {"a": "b"}, "secrets": {"a": {"secret": "s", "key": "k"}}}}},
         "a is in metadata and in secrets"),
        ({"components": {"x": {"type": "bindings.cron", "apps": ["a"]}}}, "bindings.cron needs metadata.schedule"),
        ({"components": {"pubsub": {"type": "pubsub.redis", "apps": ["a"]}}}, "the chart makes a component"),
        ({"subscriptions": {"s": {"pubsub": "other", "topic": "t", "path": "/p", "apps": ["a"]}}},
         "there is no component other"),
        ({"subscriptions": {"s": {"pubsub": "pubsub", "topic": "t", "apps": ["a"]}}}, "/subscriptions/s"),
        ({"configurations": {"todo": {}}}, "has the name of configuration"),
        ({"resiliency": {"r": {"apps": ["a"], "policies": {}, "targets": {"apps": {"b": {"retry": "no"}}}}}},
         "retry of b names no, which is not in policies.retries"),
        ({"resiliency": {"r": {"apps": ["a"], "policies": {"timeouts": {"t": "5"}}, "targets": {}}}}, "timeouts/t"),
        ({"resiliency": {"dependencies": {"apps": ["a"], "policies": {}, "targets": {}}}}, "patience.enabled: false"),
        ({"patience": {"publish": {"timeout": "2"}}}, "/patience/publish/timeout"),
    ],
)  # fmt: skip
def test_components_that_are_refused(helm: Helm, values: dict[str, Any], message: str) -> None:
    with pytest.raises(RenderError) as error:
        helm.components(**values)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kafka": {"password": "x"}}, "password"),
        ({"kafka": {"brokers": "x:9092"}}, "brokers"),
        ({"kafka": {"version": "3.6"}}, "/kafka/version"),
        ({"kafka": {"maxMessageBytes": "1048576"}}, "/kafka/maxMessageBytes"),
        ({"pubsub": {"apps": {"backend-api": {"publishes": ["a b"]}}}}, "/pubsub/apps/backend-api/publishes"),
        ({"broadcast": {"apps": {"sse-gateway": None}}}, "/broadcast/apps"),
        ({"statestore": {"secret": {"value": "postgresql://"}}}, "value"),
        ({"statestore": {"maxConns": 1}}, "/statestore/maxConns"),
        ({"secretStore": {"apps": {"backend-api": []}}}, "/secretStore/apps/backend-api"),
        ({"configuration": {"tracing": {"samplingRate": "2"}}}, "/configuration/tracing/samplingRate"),
        ({"configuration": {"serviceInvocation": "maybe"}}, "/configuration/serviceInvocation"),
    ],
)
def test_refused(helm: Helm, values: dict[str, Any], message: str) -> None:
    with pytest.raises(RenderError) as error:
        helm.components(**values)
    assert message in str(error.value)
