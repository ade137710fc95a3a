# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube import transport
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import APPLY
from ansible_collections.todo.cloud.plugins.module_utils.kube.credentials import Credentials
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    KubeError,
    NotFound,
    Refused,
    Unauthorized,
    Unreachable,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, DEPLOYMENT, NODE, POD, SECRET
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.support.fake_api import Answer, Request, failure, fake_api, listing, obj

RBAC = 'pods is forbidden: User "a:b" cannot list resource "pods" in API group "" in the namespace "ns"'


def test_paths_of_resources() -> None:
    assert POD.path("ns", "x", "log") == "/api/v1/namespaces/ns/pods/x/log"
    assert DEPLOYMENT.path() == "/apis/apps/v1/deployments"
    assert NODE.path("ns", "n") == "/api/v1/nodes/n"
    assert SECRET.path("ns", "a/b") == "/api/v1/namespaces/ns/secrets/a%2Fb"


def test_get_sends_token_and_user_agent() -> None:
    with fake_api(lambda request, n: Answer(body=obj("x"))) as api, KubeSession(api.params, "tests") as kube:
        assert kube.get(POD, "ns", "x")["metadata"]["name"] == "x"
    assert api.requests[0].headers["authorization"] == "Bearer token"
    assert api.requests[0].headers["user-agent"] == "tests"


def test_impersonation() -> None:
    with fake_api(lambda request, n: Answer(body=obj("x"))) as api:
        kube = KubeSession({**api.params, "impersonate_user": "jane", "impersonate_groups": ["a", "b"]})
        kube.get(POD, "ns", "x")
        user = kube.kubeconfig()["users"][0]["user"]
    assert api.requests[0].headers["impersonate-user"] == "jane"
    assert user["as"] == "jane"
    assert user["as-groups"] == ["a", "b"]


@pytest.mark.parametrize("fault", [failure(429, Retry_After="0"), failure(500), failure(503), Answer(cut=True)])
def test_transient_faults_are_retried(fault: Answer) -> None:
    with fake_api(lambda request, n: fault if n < 2 else Answer(body=obj("x"))) as api, KubeSession(api.params) as kube:
        assert kube.get(POD, "ns", "x")["metadata"]["name"] == "x"
        assert (kube.counts.requests, kube.counts.retries) == (3, 2)


def test_retry_after_is_kept_to_and_other_pauses_grow() -> None:
    class Response:
        def __init__(self, **headers: str) -> None:
            self.headers = headers

    assert transport.pause_before(2, Response(**{"Retry-After": "7"})) == 7.0
    assert transport.pause_before(2, Response(**{"Retry-After": "900"})) == 30.0
    assert [transport.pause_before(attempt, Response()) for attempt in (2, 3, 4, 20)] == [0.2, 0.4, 0.8, 5.0]


def test_no_answer_until_the_deadline() -> None:
    with (
        fake_api(lambda request, n: failure(503, message="etcd has no leader")) as api,
        KubeSession(api.params) as kube,
        pytest.raises(Unreachable, match=r"gave no usable answer to list pods in namespace \"ns\": HTTP 503 etcd has"),
    ):
        kube.list_(POD, "ns", deadline=Deadline.after(0.5))


def test_refused_connection_is_told_without_python_objects() -> None:
    with fake_api(lambda request, n: Answer()) as api:
        pass
    with KubeSession(api.params, patience=0.3) as kube, pytest.raises(Unreachable) as caught:
        kube.raw("/version")
    assert caught.value.failure.code is Code.UNREACHABLE
    assert "Connection refused" in str(caught.value)
    assert "0x" not in str(caught.value)


def test_401_is_told_at_once() -> None:
    with fake_api(lambda request, n: failure(401, "Unauthorized", "Unauthorized")) as api:
        kube = KubeSession(api.params)
        with pytest.raises(Unauthorized, match="token expired or rejected"):
            kube.get(POD, "ns", "x")
    assert len(api.requests) == 1


def test_401_is_mended_by_a_token_that_was_renewed(tmp_path: Path) -> None:
    path = tmp_path / "config"

    def write(url: str, token: str) -> None:
        user = {"name": "a", "user": {"token": token}}
        context = {"name": "a", "context": {"cluster": "a", "user": "a"}}
        clusters = [{"name": "a", "cluster": {"server": url}}]
        path.write_text(
            json.dumps({"clusters": clusters, "users": [user], "contexts": [context], "current-context": "a"})
        )

    def answer(request: Request, n: int) -> Answer:
        if request.headers["authorization"] == "Bearer new":
            return Answer(body=obj("x"))
        write(api.url, "new")
        return failure(401)

    with fake_api(answer) as api:
        write(api.url, "old")
        with KubeSession({"kubeconfig": str(path)}) as kube:
            assert kube.get(POD, "ns", "x")


def test_403_by_rbac_names_verb_and_resource() -> None:
    with fake_api(lambda request, n: failure(403, "Forbidden", RBAC)) as api:
        kube = KubeSession(api.params)
        with pytest.raises(Forbidden) as caught:
            kube.list_(POD, "ns")
    assert str(caught.value) == 'The credentials may not list pods in namespace "ns".'
    assert caught.value.failure.details["verb"] == "list"


def test_403_by_quota_is_a_refusal_not_a_question_of_rights() -> None:
    text = 'configmaps "x" is forbidden: exceeded quota: q, requested: configmaps=1, limited: configmaps=1'
    with fake_api(lambda request, n: failure(403, "Forbidden", text)) as api:
        kube = KubeSession(api.params)
        with pytest.raises(Refused, match="exceeded quota: q"):
            kube.create(CONFIG_MAP, "ns", obj("x"))


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (404, "NotFound", NotFound),
        (409, "Conflict", Conflict),
        (409, "AlreadyExists", AlreadyExists),
        (422, "Invalid", Refused),
        (418, "", KubeError),
    ],
)
def test_other_answers_are_typed(status: int, reason: str, kind: type[KubeError]) -> None:
    with fake_api(lambda request, n: failure(status, reason, "why")) as api:
        kube = KubeSession(api.params)
        with pytest.raises(kind) as caught:
            kube.create(CONFIG_MAP, "ns", obj("x"))
    assert type(caught.value) is kind
    assert caught.value.status == status


def test_find_is_none_for_what_is_not_there() -> None:
    with fake_api(lambda request, n: failure(404)) as api, KubeSession(api.params) as kube:
        assert kube.find(POD, "ns", "x") is None


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


def test_list_reads_all_pages() -> None:
    pages = {None: listing([obj("a")], "7", "next"), "next": listing([obj("b")], "7")}
    with fake_api(lambda request, n: pages[request.query.get("continue")]) as api, KubeSession(api.params) as kube:
        items, version = kube.list_(POD, "ns", label_selector="a=b", metadata_only=True)
    assert [item["metadata"]["name"] for item in items] == ["a", "b"]
    assert version == "7"
    assert api.requests[0].query["labelSelector"] == "a=b"
    assert "PartialObjectMetadataList" in api.requests[0].headers["accept"]


def test_list_whose_pages_expired_begins_again() -> None:
    answers = [listing([obj("a")], "7", "next"), failure(410, "Expired"), listing([obj("a"), obj("b")], "9")]
    with fake_api(lambda request, n: answers[n]) as api, KubeSession(api.params) as kube:
        items, version = kube.list_(POD, "ns")
    assert len(items) == 2
    assert version == "9"


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


def test_logs_and_proxy() -> None:
    def answer(request: Request, n: int) -> Answer:
        return Answer(body=b"one\ntwo\n") if request.path.endswith("/log") else Answer(503, b"not yet")

    with fake_api(answer) as api, KubeSession(api.params) as kube:
        assert kube.logs("ns", "x", "app", previous=True, tail=2) == "one\ntwo\n"
        assert kube.proxy_get("ns", "x", 8080, "/ready") == (503, "not yet")
    assert api.requests[0].query == {"container": "app", "tailLines": "2", "limitBytes": "65536", "previous": "true"}
    assert api.requests[1].path == "/api/v1/namespaces/ns/pods/x:8080/proxy/ready"


def test_unknown_kind_is_looked_up_once() -> None:
    served = {
        "resources": [
            {"name": "topics", "kind": "Topic", "namespaced": True},
            {"name": "topics/status", "kind": "Topic"},
        ]
    }
    with fake_api(lambda request, n: Answer(body=served)) as api, KubeSession(api.params) as kube:
        assert kube.resource("example.com/v1", "Topic").plural == "topics"
        assert kube.resource("example.com/v1", "Topic").namespaced
        with pytest.raises(NotFound, match='no kind "Other"'):
            kube.resource("example.com/v1", "Other")
    assert len(api.requests) == 2


def test_server_clock_comes_from_the_answers() -> None:
    date = {"Date": "Tue, 01 Jan 2030 00:00:00 GMT"}
    with fake_api(lambda request, n: Answer(body=obj("x"), headers=date)) as api, KubeSession(api.params) as kube:
        # The library's server adds its own Date first; the API's is the one that is read when it stands alone.
        kube._http._note_clock(date["Date"])
        assert kube.server_now() == pytest.approx(1893456000, abs=60)
        assert api.url


def test_missing_kubeconfig_is_named() -> None:
    with pytest.raises(TodoCloudError, match="/no/such/file does not exist") as caught:
        KubeSession({"kubeconfig": "/no/such/file"})
    assert caught.value.failure.code is Code.CREDENTIALS


def test_unusable_kubeconfig_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("{clusters: [], users: [], contexts: [], current-context: x}")
    with pytest.raises(TodoCloudError, match="No usable Kubernetes credentials"):
        KubeSession({"kubeconfig": str(path)})


def test_environment_variables_of_kubernetes_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_AUTH_HOST", "http://127.0.0.1:1")
    monkeypatch.setenv("K8S_AUTH_API_KEY", "from-environment")
    monkeypatch.setenv("K8S_AUTH_VERIFY_SSL", "no")
    config = KubeSession({}).kubeconfig()
    assert config["users"][0]["user"] == {"token": "from-environment"}
    assert config["clusters"][0]["cluster"] == {"server": "http://127.0.0.1:1", "insecure-skip-tls-verify": True}


def test_what_is_not_json_is_told() -> None:
    page = Answer(body=b"<html>please log in</html>")
    refused = pytest.raises(KubeError, match="something that no API server says")
    with fake_api(lambda request, n: page) as api, KubeSession(api.params) as kube, refused:
        kube.get(POD, "ns", "x")


def test_a_delete_whose_answer_was_lost_has_deleted() -> None:
    with fake_api(lambda request, n: Answer(cut=True) if n == 0 else failure(404)) as api, KubeSession(api.params) as k:
        assert k.delete(POD, "ns", "x") is True
        assert k.delete(POD, "ns", "x") is False


def test_all_threads_go_on_with_credentials_that_one_of_them_renewed(tmp_path: Path) -> None:
    """The token of a kubeconfig is replaced while eight requests are on their way with the old one."""
    arrived = threading.Barrier(8)

    def answer(request: Request, n: int) -> Answer:
        if request.headers["authorization"] == "Bearer new":
            return Answer(body=obj("x"))
        if arrived.wait(20) == 0:
            write("new")
        arrived.wait(20)
        return failure(401, "Unauthorized")

    def write(token: str) -> None:
        config = {"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
                  "clusters": [{"name": "k", "cluster": {"server": api.url}}],
                  "users": [{"name": "u", "user": {"token": token}}]}  # fmt: skip
        (tmp_path / "config").write_text(yaml.safe_dump(config))

    with fake_api(answer) as api:
        write("old")
        with KubeSession({"kubeconfig": str(tmp_path / "config")}) as kube, ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: kube.get(POD, "ns", "x")["metadata"]["name"], range(8)))
    assert found == ["x"] * 8


def test_a_context_that_was_named_is_not_led_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {
        "apiVersion": "v1", "kind": "Config", "users": [{"name": "u", "user": {"token": "t"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443"}}],
        "contexts": [{"name": "staging", "context": {"cluster": "c", "user": "u"}}],
    }  # fmt: skip
    (tmp_path / "config").write_text(json.dumps(config))
    named = {"kubeconfig": str(tmp_path / "config"), "context": "staging"}
    monkeypatch.setenv("K8S_AUTH_HOST", "https://127.0.0.1:6443/")
    assert Credentials(named).server == "https://127.0.0.1:6443"
    monkeypatch.setenv("K8S_AUTH_HOST", "https://127.0.0.1:7")
    with pytest.raises(TodoCloudError, match=r"variable K8S_AUTH_HOST names https://127\.0\.0\.1:7"):
        Credentials(named)
    assert Credentials({**named, "host": "https://127.0.0.1:8"}).server == "https://127.0.0.1:8"


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
