# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import APPLY
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import (
    AlreadyExists,
    Conflict,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, POD
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession, warning_texts

from tests.support.fake_api import Answer, Request, failure, fake_api, obj


def test_create_whose_answer_was_lost_is_our_own() -> None:
    stored: dict[str, Any] = {}

    def answer(request: Request, n: int) -> Answer:
        if request.method == "GET":
            return Answer(body=stored)
        if stored:
            return failure(409, "AlreadyExists", "already exists")
        stored.update(request.body, kind="ConfigMap", status={})
        return Answer(cut=True)

    with fake_api(answer) as api, KubeSession(api.params) as kube:
        assert kube.create(CONFIG_MAP, "ns", {"metadata": {"name": "x"}, "data": {"a": "1"}})["data"] == {"a": "1"}


def test_create_that_somebody_else_won_is_a_conflict() -> None:
    def answer(request: Request, n: int) -> Answer:
        if request.method == "GET":
            return Answer(body=obj("x", data={"a": "2"}))
        return Answer(cut=True) if n == 0 else failure(409, "AlreadyExists", "already exists")

    with fake_api(answer) as api, KubeSession(api.params) as kube, pytest.raises(AlreadyExists):
        kube.create(CONFIG_MAP, "ns", {"metadata": {"name": "x"}, "data": {"a": "1"}})


def test_apply_patch() -> None:
    with fake_api(lambda request, n: Answer(body=obj("x"))) as api, KubeSession(api.params) as kube:
        kube.patch(CONFIG_MAP, "ns", "x", obj("x"), content_type=APPLY, field_manager="me", force=True, dry_run=True)
    assert api.requests[0].headers["content-type"] == "application/apply-patch+yaml"
    assert api.requests[0].query == {"fieldManager": "me", "force": "true", "dryRun": "All"}


def test_delete_with_preconditions_and_of_nothing() -> None:
    with fake_api(lambda request, n: Answer() if n == 0 else failure(404)) as api, KubeSession(api.params) as kube:
        assert kube.delete(POD, "ns", "x", uid="1", resource_version="2")
        assert not kube.delete(POD, "ns", "x")
    assert api.requests[0].body["preconditions"] == {"uid": "1", "resourceVersion": "2"}


def test_a_delete_whose_answer_was_lost_has_deleted() -> None:
    with fake_api(lambda request, n: Answer(cut=True) if n == 0 else failure(404)) as api, KubeSession(api.params) as k:
        assert k.delete(POD, "ns", "x") is True
        assert k.delete(POD, "ns", "x") is False


@pytest.mark.parametrize("theirs", [False, True])
def test_a_guarded_patch_whose_answer_was_lost_is_not_taken_for_a_conflict(theirs: bool) -> None:
    live = obj("x", "8", data={"a": "other" if theirs else "1"})
    answers = [Answer(cut=True), failure(409, "Conflict"), Answer(body=live)]
    patch = {"metadata": {"resourceVersion": "7"}, "data": {"a": "1"}}
    with fake_api(lambda request, n: answers[n]) as api, KubeSession(api.params) as kube:
        if theirs:
            with pytest.raises(Conflict):
                kube.patch(CONFIG_MAP, "ns", "x", patch)
        else:
            assert kube.patch(CONFIG_MAP, "ns", "x", patch) == live


@pytest.mark.parametrize(
    ("header", "texts"),
    [
        ('299 - "one"', ["one"]),
        ('299 - "say \\"two\\""', ['say "two"']),
        ('299 - "one, 299 -", 299 kube "two"', ["one, 299 -", "two"]),
        ("", []),
        ("299 - unquoted", []),
    ],
)
def test_warnings(header: str, texts: list[str]) -> None:
    assert warning_texts(header) == texts
