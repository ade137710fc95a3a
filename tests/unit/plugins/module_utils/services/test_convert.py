"""Objects of a team become entries; what they cannot say is said."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.services.convert import Conversion, converted, referred_secrets
from ansible_collections.todo.cloud.plugins.module_utils.services.problems import app_problems, entry_problems

from .conversions import DEFAULTS, INGRESS, SERVICE, deployment, is_credential, item


def made(*objects: dict[str, Any]) -> Conversion:
    found = converted(objects, DEFAULTS, is_credential)
    assert app_problems(found.app) == []
    assert [one for name, entry in found.services.items() for one in entry_problems(name, entry)] == []
    return found


def test_a_deployment_with_its_service_and_ingress_is_one_entry() -> None:
    found = made(deployment({"livenessProbe": {"httpGet": {"path": "/live", "port": "web"}}}), SERVICE, INGRESS)
    assert found.services == {
        "web": {
            "image": "docker.io/acme/web:1", "port": 3000,
            "public": {"host": "web.example.com", "tls": "web-tls"},
            "health": "/live", "user": "image", "scale": 2,
            "resources": {"cpu": "100m-500m", "memory": "1Gi"},
            "values": {"security": {"readOnlyRoot": False}, "podLabels": {"team": "a"}},
        }
    }  # fmt: skip
    assert found.variables == {"ingress_class_name": "nginx"}


def test_what_no_entry_says_is_named() -> None:
    config = item("ConfigMap", "flags", data={"A": "1"})
    policy = item("NetworkPolicy", "web", spec={"podSelector": {"matchLabels": {"app": "web"}}})
    unsaid = made(deployment(), config, policy, item("DaemonSet", "agent")).unsaid
    assert [line for line in unsaid if "ConfigMap flags" in line]
    assert [line for line in unsaid if "DaemonSet agent" in line]
    assert (
        "web: NetworkPolicy web; say it with calls, needs and internet." in made(deployment(), SERVICE, policy).unsaid
    )


def test_values_of_secrets_are_nowhere() -> None:
    secret = item("Secret", "db", stringData={"url": "s3cret-1"}, data={"other": "czNjcmV0"})
    env = [{"name": "API_TOKEN", "value": "s3cret-2"}, {"name": "A", "value": "b"}]
    found = made(deployment({"env": env}), SERVICE, secret)
    assert "s3cret" not in str(found)
    assert "czNjcmV0" not in str(found)
    assert found.secrets == {"web": ["API_TOKEN"], "db": ["other", "url"]}
    assert found.services["web"]["secrets"] == {"API_TOKEN": "web/API_TOKEN"}
    assert found.services["web"]["env"] == {"A": "b"}


def test_names_fit_and_are_different() -> None:
    other = deployment()
    other["metadata"]["name"] = "Shop_Web.v2"
    assert list(made(deployment(), other).services) == ["shop-web", "shop-web-v2"]


def test_an_image_without_a_tag_is_said() -> None:
    found = made(deployment({"image": "nginx"}))
    assert found.services["shop-web"]["image"] == "docker.io/library/nginx:latest"
    assert [line for line in found.unsaid if "has no tag" in line]


def test_secrets_that_entries_read() -> None:
    entry = {"secrets": {"A": "db/url"}, "env_from": [{"secret": "more"}, {"config": "x"}],
             "volumes": {"v": {"path": "/v", "secret": "tls"}}}  # fmt: skip
    assert referred_secrets({"web": entry}) == ["db", "more", "tls"]
