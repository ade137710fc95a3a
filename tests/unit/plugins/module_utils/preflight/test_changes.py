"""Images come by a promotion only, under a version; nothing comes during a freeze; an emergency is let through."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.change_rules import ChangeRules
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.preflight.changes import Written, change_problems, images_in

ONE, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
API = f"ghcr.io:443/todo/api:v1.2.3@{ONE}"


def found(*written: Written, promoted: list[str] | None = None, **rules: Any) -> list[tuple[Code, bool]]:
    parsed = ChangeRules.parse({"promoted_from": "staging", "promoted": promoted, **rules})
    return [(each.code, each.certain) for each in change_problems("production", parsed, written, 0.0)]


def test_an_image_comes_only_by_a_promotion() -> None:
    assert found(Written("api")) == []
    assert found() == []
    assert found(Written("api", (API,))) == [(Code.PROMOTION_ONLY, True)]
    assert found(Written("api", (API,)), promoted=[API]) == []
    assert found(Written("api", (API.replace(ONE, OTHER),)), promoted=[API]) == [(Code.PROMOTION_ONLY, True)]
    assert found(Written("api", (API.partition("@")[0],)), promoted=[API]) == [(Code.PROMOTION_ONLY, True)]
    assert found(Written("redis", ("redis:7",)), promoted=[API]) == [], "its chart was compared by the promotion"
    assert found(Written("api", (API,)), promoted_from="") == []


def test_only_versions_are_promoted() -> None:
    for tag in ("sha-1f3c5a7", "v1.2", "1.2.3", "latest", "v1.2.3.4", "staging-latest"):
        image = API.replace("v1.2.3", tag)
        assert found(Written("api", (image,)), promoted=[image]) == [(Code.PROMOTION_ONLY, True)], tag
    for image in (API, API.replace("v1.2.3", "v10.20.30-rc.1"), API.replace(":v1.2.3", "")):
        assert found(Written("api", (image,)), promoted=[image]) == [], image


def test_nothing_is_written_during_a_freeze() -> None:
    frozen: dict[str, Any] = {"promoted_from": "", "freeze": [{"why": "holidays"}]}
    assert found(Written("api"), **frozen) == [(Code.DEPLOY_FROZEN, True)]
    assert found(**frozen) == [], "nothing is about to be written"
    assert found(Written("api", (API,)), freeze=[{"why": "a"}]) == [
        (Code.DEPLOY_FROZEN, True),
        (Code.PROMOTION_ONLY, True),
    ]


def test_an_emergency_is_let_through_and_told() -> None:
    rules = ChangeRules.parse({"promoted_from": "staging", "emergency": "logins are broken", "freeze": [{"why": "a"}]})
    problems = change_problems("production", rules, [Written("api", (API,))], 0.0)
    assert [each.certain for each in problems] == [False, False]
    assert all(each.remedy == "let through in an emergency (logins are broken)" for each in problems)


def test_images_of_all_pods_of_a_manifest_are_found() -> None:
    pod = "spec: {containers: [{name: a, image: one}], initContainers: [{name: b, image: two}]}"
    manifest = f"kind: Deployment\nspec: {{template: {{{pod}}}}}\n---\nkind: ConfigMap\ndata: {{image: three}}\n"
    job = "kind: CronJob\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c, image: four}]}}}}}\n"
    assert images_in(manifest, job) == {"one", "two", "four"}
