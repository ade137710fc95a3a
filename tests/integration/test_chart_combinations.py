"""What the charts render for options by chance is taken by the API server: dry runs of all objects and pods.

TODO_CLOUD_SEED: the first of 60 seeds. What goes wrong prints its seed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import APPLY
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import NotFound, Refused
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.support.service_values import Chance
from tests.unit.charts.rendering import COMPONENTS, Helm, built, merged, minimal_values
from tests.unit.charts.test_combinations import TEAMS

SEEDS, GROUP = 60, 10
FIRST = int(os.environ.get("TODO_CLOUD_SEED", "1").split(",")[0])
LEVEL = "pod-security.kubernetes.io/enforce"
FOREIGN = ("gateway.networking.k8s.io/", "traefik.io/", "monitoring.coreos.com/")  # this cluster may not serve them


@pytest.fixture(scope="module")
def namespaces(make_namespace: Callable[..., str], kube: KubeSession) -> dict[str, str]:
    """Pod Security level -> a namespace that enforces it."""
    return {level: make_namespace(**{LEVEL: level}) for level in ("restricted", "baseline")}


def refusal(kube: KubeSession, item: dict[str, Any], namespace: str) -> str:
    """What the API server has against an object; empty: it would take it."""
    try:
        resource = kube.resource(item["apiVersion"], item["kind"])
    except NotFound:
        assert item["apiVersion"].startswith(FOREIGN), item["apiVersion"]
        return ""
    try:
        kube.patch(
            resource, namespace, item["metadata"]["name"], item,
            content_type=APPLY, field_manager="helm", force=True, dry_run=True,
        )  # fmt: skip
    except Refused as exc:
        return f"{item['kind']}: {exc}"
    return ""


def pod_refusal(kube: KubeSession, template: dict[str, Any], namespace: str) -> str:
    spec = {key: value for key, value in template["spec"].items() if key != "serviceAccountName"}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "name": "x"}, "spec": spec}
    try:
        kube.create(POD, namespace, body, dry_run=True)
    except Refused as exc:
        return str(exc)
    return ""


def template_of(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The template of the pods, with the volumes that a StatefulSet's controller adds."""
    [spec] = [o["spec"] for o in objects if o["kind"] in ("Deployment", "StatefulSet", "Job", "CronJob")]
    template = dict(spec.get("jobTemplate", {"spec": spec})["spec"]["template"])
    names = [claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])]
    claims = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names]
    return {**template, "spec": {**template["spec"], "volumes": [*template["spec"].get("volumes", []), *claims]}}


@pytest.mark.parametrize("group", range(SEEDS // GROUP))
def test_the_api_server_takes_what_the_schema_takes(kube: KubeSession, namespaces: dict[str, str], group: int) -> None:
    helm = Helm(built("bin/helm"))
    wrong = []
    for seed in range(FIRST + group * GROUP, FIRST + (group + 1) * GROUP):
        chance = Chance(seed)
        values = chance.values()
        objects = helm.render("service", values, chance.release(), namespaces["restricted"])
        found = [refusal(kube, item, namespaces["restricted"]) for item in objects]
        template = template_of(objects)
        root = values["security"]["user"] == 0
        restricted = pod_refusal(kube, template, namespaces["restricted"])
        if root != ("violates PodSecurity" in restricted):
            found.append(f"user {values['security']['user']} in a restricted namespace: {restricted or 'taken'}")
        found.append(pod_refusal(kube, template, namespaces["baseline"]))
        wrong += [f"seed {seed}: {text}" for text in found if text]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("team", TEAMS, ids=lambda path: path.stem)
def test_the_api_server_takes_services_of_teams(kube: KubeSession, namespaces: dict[str, str], team: Path) -> None:
    values = yaml.safe_load(team.read_text())
    level = "baseline" if values["security"]["user"] == 0 else "restricted"
    objects = Helm(built("bin/helm")).render("service", values, team.stem, namespaces[level])
    found = [refusal(kube, item, namespaces[level]) for item in objects]
    assert [text for text in (*found, pod_refusal(kube, template_of(objects), namespaces[level])) if text] == []


def test_the_api_server_takes_components_of_any_type(kube: KubeSession, namespaces: dict[str, str]) -> None:
    values = merged(minimal_values("dapr-components"), COMPONENTS)
    objects = Helm(built("bin/helm")).render("dapr-components", values, "dapr-components", namespaces["baseline"])
    assert [text for text in (refusal(kube, item, namespaces["baseline"]) for item in objects) if text] == []
