"""bundle.yml and deploy_bundle.yml: what they give to the modules, and what of a bundle is deployed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

GROUPS: dict[str, Any] = {"environment": {"namespace": {}}, "core_services": {"frontend": {}, "backend_api": {}}}
IMAGE = "registry.acme.example/todo/frontend:v1@sha256:" + "a" * 64
DIGEST = "sha256:" + "b" * 64
OPENED = {
    "set": {"id": 7, "commit": "1f3c5a7", "time": "today"}, "source": {"environment": "staging", "namespace": "todo"},
    "signed": True, "digest": DIGEST, "origin": f"{DIGEST} (set 7 of staging)", "waves": ["as bundled"],
    "images": [{"name": "frontend", "image": IMAGE, "accepted": [], "tagged": False}],
    "copies": [{"image": IMAGE, "state": "copied"}],
    "replaces": {"id": 3, "commit": "0d1c2b3", "changed": ["frontend"]},
}  # fmt: skip
BUILT = {
    "set": OPENED["set"], "signed": True, "digest": DIGEST, "images": [{"image": IMAGE, "releases": ["frontend"]}],
    "missing": {"backend-api": "its workloads are not Current"},
}  # fmt: skip
ANSWERS = {
    "todo.cloud.release_promotion": {"tags": [{"image": IMAGE, "state": "added"}]},
    "kubernetes.core.k8s_info": {"resources": []},
}
SET = {
    "environment_name": "acme", "environment_namespace": "todo-acme", "helm_binary": "/opt/helm",
    "record_key": "a key", "release_registries": [{"host": "ghcr.io"}], "promote_may_differ": ["environment"],
}  # fmt: skip
PUSHING = [{"host": "registry.acme.example"}]


@pytest.fixture(scope="module")
def stubbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubbed]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PWD", "/where/typed")
        with Stubbed(tmp_path_factory.mktemp("bundle")) as found:
            yield found


def run(stubbed: Stubbed, playbook: str, answer: dict[str, Any], *arguments: str, code: int = 0, **more: Any) -> Run:
    answers = {**ANSWERS, "todo.cloud.release_bundle": answer}
    done = stubbed.run(playbook, inventory(GROUPS, **SET, **more), *arguments, answers=answers)
    assert done.code == code, done.output
    return done


def test_a_bundle_is_made_in_the_folder_of_the_command(stubbed: Stubbed) -> None:
    done = run(stubbed, "bundle", BUILT, "-e", "bundle=b.tar", "-e", "commit=1f3c5a7", promote_registries=PUSHING)
    (call,) = done.arguments("release_bundle")
    assert (call["state"], call["bundle"], call["commit"]) == ("built", "/where/typed/b.tar", "1f3c5a7")
    assert (call["record_key"], call["registries"], call["push_registries"]) == (
        "a key",
        SET["release_registries"],
        PUSHING,
    )
    said = " ".join(done.output.split())
    assert "set 7 of acme, commit 1f3c5a7, verified today, signed" in said
    assert "backend-api is not in it: its workloads are not Current" in said


def test_a_bundle_is_deployed_as_a_promotion_is(stubbed: Stubbed) -> None:
    more: dict[str, Any] = {"bundle_registries": PUSHING, "bundle_public_keys": ["a public key"]}
    done = run(stubbed, "deploy_bundle", OPENED, "-e", "bundle=oci://ghcr.io/acme/bundle:v1", **more)
    (call,) = done.arguments("release_bundle")
    assert (call["state"], call["bundle"]) == ("opened", "oci://ghcr.io/acme/bundle:v1")
    assert (call["bundle_public_keys"], call["push_registries"]) == (["a public key"], PUSHING)
    assert [[each["name"] for each in wave] for wave in call["waves"]] == [["backend-api", "frontend"]]
    assert call["may_differ"] == ["environment"]
    assert call["folder"].startswith("/")
    (applied,) = done.arguments("release_apply")
    assert (applied["waves"], applied["commit"]) == (["as bundled"], "1f3c5a7")
    assert (applied["origin"], applied["verify"]) == (OPENED["origin"], True)
    assert applied["change_rules"]["promoted"] == [IMAGE]
    (verified,) = done.arguments("release_promotion")
    assert (verified["state"], verified["images"], verified["registries"]) == ("verified", OPENED["images"], PUSHING)
    said = " ".join(done.output.split())
    assert "verified today, signed" in said
    assert "replaces set 3, commit 0d1c2b3; other images: frontend; git log 0d1c2b3..1f3c5a7" in said


def test_nothing_is_said_of_an_origin_elsewhere(stubbed: Stubbed) -> None:
    (applied,) = run(stubbed, "services", {}).arguments("release_apply")
    assert "origin" not in applied or applied["origin"] is None


def test_its_place_has_to_be_given(stubbed: Stubbed) -> None:
    done = run(stubbed, "deploy_bundle", {}, "-e", "bundle=", code=2)
    assert "-e bundle=oci://registry/repository:v1.2.0" in " ".join(done.output.split())


def test_pods_do_not_pull_with_the_token_that_pushes(stubbed: Stubbed) -> None:
    more: dict[str, Any] = {
        "bundle_registries": [{"host": "*", "password": "one-token"}],
        "environment_registry_password": "one-token",
    }
    done = run(stubbed, "deploy_bundle", OPENED, "-e", "bundle=b.tar", code=2, **more)
    assert "bundle_registries pushes with the password that pods pull with" in " ".join(done.output.split())
    assert done.arguments("release_bundle") == []
