"""Signed in as the registry wants, patient with faults, and no credential to anybody else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.registry import transport
from ansible_collections.todo.cloud.plugins.module_utils.registry.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.registry.client import RegistryClient
from ansible_collections.todo.cloud.plugins.module_utils.registry.exchange import Response, TooMuch, Url
from ansible_collections.todo.cloud.plugins.module_utils.registry.pull_secret import Credentials
from ansible_collections.todo.cloud.plugins.module_utils.registry.transport import Transport

from tests.support.fake_registry import FakeRegistry
from tests.unit.plugins.module_utils.registry.conftest import NAME, PASSWORD, client, failure, ref

Answer = tuple[int, dict[str, str], bytes]


def test_basic_authentication(registry: FakeRegistry) -> None:
    registry.auth, registry.users = "basic", {"todo": PASSWORD}
    digest = registry.push(NAME, "v1")
    assert client(registry, username="todo", password=PASSWORD).digest(ref("v1")) == digest
    refused = failure(client(registry, username="todo", password="wrong").digest, ref("v1"))
    assert refused.code is Code.REGISTRY_DENIED
    assert "'todo'" in refused.message
    assert "wrong" not in str(refused)
    assert "anonymous" in failure(client(registry).digest, ref("v1")).message


def test_a_token_is_asked_for_once_for_each_repository(registry: FakeRegistry) -> None:
    registry.auth, registry.users = "token", {"todo": PASSWORD}
    registry.push(NAME, "v1")
    registry.push("todo-app/api", "v1")
    asking = client(registry, username="todo", password=PASSWORD)
    for name in (NAME, NAME, "todo-app/api"):
        asking.digest(ref("v1", name))
    paths = [path.partition("?")[0] for _, path, _ in registry.requests]
    web, api = f"/v2/{NAME}/manifests/v1", "/v2/todo-app/api/manifests/v1"
    assert paths == [web, "/token", web, web, "/token", api], "the second repository's challenge is known by then"
    assert all(
        not header.startswith("Basic ") for _, path, header in registry.requests if not path.startswith("/token")
    )


def test_an_expired_token_is_replaced(registry: FakeRegistry) -> None:
    registry.auth, registry.anonymous_pull = "token", True
    registry.push(NAME, "v1")
    asking = client(registry)
    asking.digest(ref("v1"))
    registry.tokens.clear()
    asking.digest(ref("v1"))


def test_a_refresh_token_of_a_pull_secret(registry: FakeRegistry) -> None:
    registry.auth, registry.refresh_token = "token", "long-lived"
    digest = registry.push(NAME, "v1")
    secret = json.dumps({"auths": {"registry.example.com": {"identitytoken": "long-lived"}}})
    access = Access.to("r", {"endpoint": registry.url}).with_pull_secrets(f"registry.example.com/{NAME}", [secret])
    assert RegistryClient("registry.example.com", access).digest(ref("v1")) == digest


@pytest.mark.parametrize("user", ["reader", ""])
def test_denied_where_tokens_are_wanted(registry: FakeRegistry, user: str) -> None:
    registry.auth, registry.users = "token", {"reader": PASSWORD}
    registry.push(NAME, "v1")
    refused = failure(client(registry, username=user, password="wrong" if user else "").digest, ref("v1"))
    assert refused.code is Code.REGISTRY_DENIED
    assert NAME in refused.message


def test_nothing_is_sent_to_a_token_service_without_tls(registry: FakeRegistry) -> None:
    access = Access("https://127.0.0.1:1", Credentials("todo", PASSWORD))
    asking = RegistryClient("r", access)._http
    asking._challenge = ("bearer", {"realm": f"{registry.url}/token"})
    refused = failure(asking.request, "GET", "/v2/x/manifests/y", "repository:x:pull")
    assert refused.code is Code.REGISTRY_DENIED
    assert registry.requests == []


def test_credentials_do_not_follow_a_redirect_to_where_blobs_are(registry: FakeRegistry) -> None:
    registry.auth, registry.users = "basic", {"todo": PASSWORD}
    registry.push(NAME, "v1")
    registry.blobs_at = registry.address.replace("127.0.0.1", "localhost")
    client(registry, username="todo", password=PASSWORD).image(ref("v1"))
    blobs = [header for _, path, header in registry.requests if "/blobs/" in path]
    assert blobs[-1] == ""
    assert len(blobs) == 2


def test_faults_are_waited_out_as_the_registry_asks(registry: FakeRegistry) -> None:
    digest = registry.push(NAME, "v1")
    registry.faults = [(429, {"Retry-After": "3"}), (503, {}), (502, {})]
    pauses: list[float] = []
    assert client(registry, pauses).digest(ref("v1")) == digest
    assert pauses[0] == 3.0
    assert len(pauses) == 3


@pytest.mark.parametrize("faults", [[(503, {})] * 5, [(429, {"Retry-After": "3600"})]])
def test_faults_that_do_not_end_are_reported(registry: FakeRegistry, faults: list[tuple[int, dict[str, str]]]) -> None:
    registry.push(NAME, "v1")
    registry.faults = list(faults)
    refused = failure(client(registry).digest, ref("v1"))
    assert refused.code is Code.REGISTRY_UNREACHABLE
    assert str(faults[0][0]) in refused.message
    assert registry.faults == []


def test_nobody_there(registry: FakeRegistry) -> None:
    access = Access.to("registry.example.com", {"endpoint": "http://127.0.0.1:1"})
    refused = failure(RegistryClient("registry.example.com", access, 5, lambda _: None).digest, ref("v1"))
    assert refused.code is Code.REGISTRY_UNREACHABLE
    assert "refused" in refused.message.lower()


# Who gets credentials: the endpoint A, another host B by https, and C by http. An answer is (status, headers, body).
A, B, C = "https://a.example", "https://b.example", "http://c.example"
GOOD: Answer = (200, {}, b"{}")
TOKEN: Answer = (200, {}, b'{"token": "t0k"}')
SAID: Answer = (403, {}, b'{"errors": [{"message": "INTERNAL DOCUMENT"}]}')
BASIC = (401, {"www-authenticate": 'Basic realm="x"'}, b"")


def bearer(realm: str) -> Answer:
    return 401, {"www-authenticate": f'Bearer realm="{realm}",service="s"'}, b""


def to(location: str) -> Answer:
    return 307, {"location": location}, b""


@dataclass
class Internet:
    """Answers by URL without query; those with ``wants`` only to requests with Authorization, else a challenge."""

    answers: dict[str, Answer]
    wants: dict[str, Answer] = field(default_factory=dict)
    given: list[tuple[str, str]] = field(default_factory=list)  # URL, Authorization or body

    def __call__(self, _method: str, url: Url, headers: Mapping[str, str], body: bytes | None, **_: Any) -> Response:
        address = str(url).partition("?")[0]
        credential = headers.get("Authorization", "") or ("form" if body and b"refresh_token=canary" in body else "")
        self.given.append((address, credential))
        challenged = address in self.wants and not credential
        status, found, content = self.wants[address] if challenged else self.answers[address]
        return Response(status, found, content, url.origin)

    @property
    def with_password(self) -> set[str]:
        """Where user name and password, or the refresh token, went."""
        return {url for url, credential in self.given if credential and not credential.startswith("Bearer ")}

    @property
    def with_token(self) -> set[str]:
        return {url for url, credential in self.given if credential.startswith("Bearer ")}


AM, AT, BM, BT, CM, CT = (f"{host}/{path}" for host in (A, B, C) for path in "mt")
PORT, AGAIN = "https://a.example:8443/m", "https://a.example/again"
PULL = "repository:x:pull"


@dataclass(frozen=True)
class Case:
    """What stands at which URL, where the password has to go, and how it ends."""

    answers: dict[str, Answer]
    wants: dict[str, Answer] = field(default_factory=dict)
    password: set[str] = field(default_factory=set)
    token: set[str] = field(default_factory=set)
    code: Code | None = None
    endpoint: str = A


DENIED, PROTOCOL = Code.REGISTRY_DENIED, Code.REGISTRY_ERROR
CASES = {
    "token service of another host": Case({AM: GOOD, BT: TOKEN}, {AM: bearer(BT)}, {BT}, {AM}),
    "its own token service": Case({AM: GOOD, AT: TOKEN}, {AM: bearer(AT)}, {AT}, {AM}),
    "token service by http": Case({AM: GOOD, CT: TOKEN}, {AM: bearer(CT)}, code=DENIED),
    "its own token service by http": Case({AM: GOOD}, {AM: bearer("http://a.example/t")}, code=DENIED),
    "http: its own token service": Case({CM: GOOD, CT: TOKEN}, {CM: bearer(CT)}, {CT}, {CM}, endpoint=C),
    "http: token service by https": Case({CM: GOOD, BT: TOKEN}, {CM: bearer(BT)}, {BT}, {CM}, endpoint=C),
    "http: another host": Case({CM: GOOD}, {CM: bearer("http://d.example/t")}, code=DENIED, endpoint=C),
    "http: another port": Case({CM: GOOD}, {CM: bearer("http://c.example:8080/t")}, code=DENIED, endpoint=C),
    "token service is no URL": Case({AM: GOOD}, {AM: bearer("file:///etc/passwd")}, code=PROTOCOL),
    "token service with a user": Case({AM: GOOD}, {AM: bearer("https://u:p@b.example/t")}, code=PROTOCOL),
    "token service redirects": Case({AT: to(BT), BT: TOKEN}, {AM: bearer(AT)}, {AT}, code=PROTOCOL),
    "redirect": Case({AM: to(BM), BM: GOOD}),
    "redirect without scheme": Case({AM: to("//b.example/m"), BM: GOOD}),
    "redirect with a token": Case({AM: to(BM), BM: GOOD, AT: TOKEN}, {AM: bearer(AT)}, {AT}, {AM}),
    "redirect, 401 there": Case({AM: to(BM), BM: BASIC}, code=DENIED),
    "redirect, that host names a token service": Case({AM: to(BM), BM: bearer(BT)}, code=DENIED),
    "redirect, that host names ours": Case({AM: to(BM), BM: bearer(AT)}, code=DENIED),
    "redirect to http": Case({AM: to(CM)}, code=PROTOCOL),
    "redirect to no URL": Case({AM: to("https://[::1")}, code=PROTOCOL),
    "redirect to a file": Case({AM: to("file:///etc/passwd")}, code=PROTOCOL),
    "redirect for ever": Case({AM: to(AM)}, code=PROTOCOL),
}
BASIC_CASES = {
    "basic": Case({AM: GOOD}, {AM: BASIC}, {AM}),
    "redirect": Case({AM: to(BM), BM: GOOD}, {AM: BASIC}, {AM}),
    "redirect, 401 there": Case({AM: to(BM), BM: BASIC}, {AM: BASIC}, {AM}, code=DENIED),
    "redirect to http of its own host": Case({AM: to("http://a.example/m")}, {AM: BASIC}, {AM}, code=PROTOCOL),
    "redirect to another port": Case({AM: to(PORT), PORT: GOOD}, {AM: BASIC}, {AM}),
    "redirect to itself": Case({AM: to("/again"), AGAIN: GOOD}, {AM: BASIC, AGAIN: BASIC}, {AM, AGAIN}),
    "redirect there and back": Case({AM: to(BM), BM: to(AGAIN), AGAIN: GOOD}, {AM: BASIC}, {AM}),
}


@pytest.fixture
def reach(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Lets the transport reach these answers, and nothing else."""
    monkeypatch.setattr(Access, "tls_context", lambda _: None)
    return lambda internet: monkeypatch.setattr(transport, "exchange", internet)


def asked(endpoint: str = A, credentials: Credentials | None = None) -> Transport:
    return Transport("r", Access(endpoint, credentials or Credentials()), 20, lambda _: None)


def check(case: Case, credentials: Credentials, reach: Callable[[Any], None]) -> None:
    internet = Internet(case.answers, case.wants)
    reach(internet)
    if case.code is None:
        asked(case.endpoint, credentials).request("GET", "/m", PULL)
    else:
        refused = failure(asked(case.endpoint, credentials).request, "GET", "/m", PULL)
        assert refused.code is case.code
        assert "canary" not in str(refused)
    assert (internet.with_password, internet.with_token) == (case.password, case.token)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_where_credentials_go(reach: Callable[[Any], None], case: Case) -> None:
    check(case, Credentials("todo", "canary"), reach)
    check(case, Credentials("", "", "canary"), reach)


@pytest.mark.parametrize("case", BASIC_CASES.values(), ids=BASIC_CASES)
def test_where_a_password_goes_without_a_token_service(reach: Callable[[Any], None], case: Case) -> None:
    check(case, Credentials("todo", "canary"), reach)


def test_a_refresh_token_is_for_token_services_only(reach: Callable[[Any], None]) -> None:
    check(Case({AM: BASIC}, code=DENIED), Credentials("", "", "canary"), reach)


def test_a_write_does_not_follow_a_redirect(reach: Callable[[Any], None]) -> None:
    internet = Internet({AM: to(BM), BM: GOOD})
    reach(internet)
    assert asked().request("PUT", "/m", f"{PULL},push", body=b"{}").status == 307
    assert [url for url, _ in internet.given] == [AM]


def test_credentials_that_a_registry_repeats_are_not_shown(reach: Callable[[Any], None]) -> None:
    body = json.dumps({"errors": [{"message": "wrong password canary\x1b[2J"}]}).encode()
    reach(Internet({AM: (403, {}, body)}))
    refused = failure(asked(A, Credentials("todo", "canary")).request, "GET", "/m", PULL)
    assert "wrong password ******** [2J" in refused.message


@pytest.mark.parametrize("answers", [{AM: bearer(BT), BT: SAID}, {AM: to(BM), BM: SAID}])
def test_what_another_host_says_is_not_shown(reach: Callable[[Any], None], answers: dict[str, Answer]) -> None:
    reach(Internet(answers))
    refused = failure(asked().request, "GET", "/m", PULL)
    assert "INTERNAL" not in str(refused)
    assert B in refused.message


@pytest.mark.parametrize("problem", [TooMuch(), ValueError("no proxy"), HTTPException("\x1b[2J raw"), OSError()])
def test_no_answer_is_one_sentence(reach: Callable[[Any], None], problem: Exception) -> None:
    def broken(*_: object, **__: object) -> Response:
        raise problem

    reach(broken)
    refused = failure(asked().request, "GET", "/m", PULL)
    assert refused.code in (Code.REGISTRY_ERROR, Code.REGISTRY_UNREACHABLE)
    assert "raw" not in refused.message


def test_the_proxy_of_the_environment(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", registry.url)
    access = Access.to("r", {"endpoint": "http://registry.example"})
    failure(RegistryClient("r", access, 5, lambda _: None).digest, ref("v1"))
    assert registry.requests[0][1] == f"http://registry.example/v2/{NAME}/manifests/v1"
