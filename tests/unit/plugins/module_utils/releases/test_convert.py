"""What a team has is read, and said as entries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.known_secrets import KNOWN
from ansible_collections.todo.cloud.plugins.module_utils.releases.convert import (
    Source,
    Wanted,
    convert,
    credential,
    defaults_of,
    read_source,
)

from tests.support.fake_helm import FakeHelm
from tests.support.fake_kube import FakeKube
from tests.unit.ansible_runs import TOP
from tests.unit.plugins.module_utils.services.conversions import DEFAULTS, SERVICE, deployment, item


def read(source: Path | str, **more: Any) -> Source:
    def kube() -> FakeKube:
        return FakeKube()

    return read_source(Wanted(str(source), "shop", **more), FakeHelm(FakeKube()), kube)


def refusal(source: Path | str) -> str:
    with pytest.raises(TodoCloudError) as caught:
        read(source)
    return caught.value.failure.message


def test_a_folder_with_lists_and_several_documents(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [SERVICE]}))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b.yml").write_text(yaml.safe_dump_all([deployment(), None, item("ConfigMap", "x")]))
    (tmp_path / "ci.yaml").write_text("on: push\n")
    found = read(tmp_path)
    assert [one["kind"] for one in found.objects] == ["Service", "Deployment", "ConfigMap"]
    assert found.notes == ["ci.yaml: document 1 is no object of Kubernetes (it has no kind and apiVersion); left out."]


def test_a_compose_file_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: a/b:1}}")
    found = convert(read(tmp_path), DEFAULTS)
    assert list(found["services"]) == ["web"]
    assert "comparison" not in found


def test_what_cannot_be_read_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: [")
    assert refusal(tmp_path / "x.yaml").startswith("x.yaml cannot be read as YAML: line 2")
    (tmp_path / "x.yaml").write_text("a: 1")
    assert "There is no object of Kubernetes in" in refusal(tmp_path)
    (tmp_path / "kustomization.yaml").write_text("resources: []")
    assert "kubectl kustomize" in refusal(tmp_path)
    assert refusal(tmp_path / "none").startswith("There is no file or folder")
    assert refusal("no-release") == "There is no file or folder no-release, and no Helm release of that name in shop."


def test_nothing_that_runs_is_no_service() -> None:
    with pytest.raises(TodoCloudError, match="nothing that runs"):
        convert(Source([item("ConfigMap", "x")]), DEFAULTS)


def test_entries_are_compared_with_their_source() -> None:
    source = Source([deployment({"env": [{"name": "API_TOKEN", "value": "abc"}]}), SERVICE])

    def render(name: str, values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        assert (name, values) == ("web", {"a": 1})
        return [deployment({"tty": True}), SERVICE]

    found = convert(source, DEFAULTS, render, [{"name": "web", "values": {"a": 1}}])
    (one,) = found["comparison"]
    assert (one["service"], one["same"]) == ("web", False)
    assert one["lost"] == ["Deployment.spec.template.spec.containers.the service.env.API_TOKEN"]
    assert one["added"] == ["Deployment.spec.template.spec.containers.the service.tty"]
    assert found["secrets_to_make"] == [{"name": "web", "keys_in_it": ["API_TOKEN"]}]
    assert "abc" not in str(found)


def test_credentials_by_name_and_form() -> None:
    assert credential("API_TOKEN", "abcdef")
    assert credential("URL", "postgres://a:b@c/d")
    assert not credential("LOG_LEVEL", "info")


def test_defaults_are_those_of_the_chart() -> None:
    assert defaults_of(str(TOP / "charts/service")) == DEFAULTS


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (Source(compose={"services": {"web": {"image": "x:1", "deploy": "two"}}}), "'web' .*docker compose config"),
        (Source([deployment({"envFrom": [{"secretRef": None}]})]), "'Deployment shop-web' .*kubectl apply"),
        (Source([deployment({"ports": [{"containerPort": "a"}]})]), "'Deployment shop-web' .*kubectl apply"),
    ],
)
def test_what_no_tool_would_take_is_one_sentence(source: Source, said: str) -> None:
    with pytest.raises(TodoCloudError, match=said.replace(" .*", " has a field of another type .*")) as caught:
        convert(source, DEFAULTS)
    assert caught.value.failure.code is Code.INVALID_INPUT


LINE = [{"name": "LINE", "value": "go C4nary-Zx81-48K"}]


@pytest.mark.parametrize(
    "source",
    [
        Source([deployment({"env": LINE}), item("Secret", "a", stringData={"pin": "C4nary-Zx81-48K"})]),
        Source([deployment({"env": LINE}), item("Secret", "a", data={"pin": "QzRuYXJ5LVp4ODEtNDhL", "x": "%%%"})]),
        Source(compose={"services": {
            "db": {"image": "postgres:16", "environment": ["POSTGRES_PASSWORD=C4nary-Zx81-48K"]},
            "web": {"image": "x:1", "command": "go C4nary-Zx81-48K"},
        }}),
    ],
)  # fmt: skip
def test_what_is_secret_in_one_place_is_masked_in_others(source: Source) -> None:
    """By what each result goes through, see module.py."""
    KNOWN.clear()
    try:
        found = convert(source, DEFAULTS)
        assert "C4nary-Zx81-48K" in found["text"]
        assert "C4nary" not in KNOWN.hidden_in(found["text"])
    finally:
        KNOWN.clear()
