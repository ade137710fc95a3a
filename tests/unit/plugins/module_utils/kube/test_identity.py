"""As whom the API server sees a run."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.identity import identity
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.support.fake_api import Answer, failure, fake_api


def test_the_server_says_as_whom() -> None:
    answer = Answer(status=201, body={"status": {"userInfo": {"username": "jane\x1b[2J"}}})
    with fake_api(lambda request, n: answer) as api, KubeSession(api.params) as kube:
        assert identity(kube) == f"as jane[2J on {api.url}"
    assert [(r.method, r.path) for r in api.requests] == [("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews")]


@pytest.mark.parametrize(
    "answer", [failure(404), failure(403), Answer(status=201, body={}), Answer(status=201, body={"status": None})]
)
def test_a_server_that_does_not_say_it_is_named(answer: Answer) -> None:
    with fake_api(lambda request, n: answer) as api, KubeSession(api.params) as kube:
        assert identity(kube) == f"on {api.url}"
