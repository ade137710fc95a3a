from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.api_proxy import ApiProxy, Faults
from tests.support.fake_api import Answer, FakeApi, Request, eventually, fake_api, listing, obj
from tests.support.faults import Steps

PODS = "/api/v1/namespaces/ns/pods"
WATCH = PODS + "?watch=1"
EVENT = {"type": "ADDED", "object": obj("x")}


def answer(request: Request, number: int) -> Answer:
    if request.query.get("watch"):
        return Answer(lines=[EVENT] * 2, hang=float(request.query.get("hang", "0")))
    if request.path.endswith("/log"):
        return Answer(body=b"line\n" * 100_000)
    return listing([obj("x")])


@contextmanager
def proxied(folder: Path, faults: Faults | None = None) -> Iterator[tuple[ApiProxy, httpx.Client, FakeApi]]:
    """A proxy before a server, a client of it that holds the generated kubeconfig, and what the server saw."""
    with fake_api(answer) as api:
        config = {
            "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": {"server": api.url}}],
            "users": [{"name": "u", "user": {"token": "secret"}}],
        }  # fmt: skip
        source = folder / "source"
        source.write_text(yaml.safe_dump(config))
        with ApiProxy(source, faults) as proxy, client(proxy) as http:
            yield proxy, http, api


def client(proxy: ApiProxy) -> httpx.Client:
    import base64
    import ssl

    config = yaml.safe_load(proxy.kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    headers = {"Authorization": f"Bearer {user['token']}"}
    return httpx.Client(base_url=cluster["server"], verify=context, headers=headers, timeout=60)


def test_requests_pass_with_their_credential_and_are_counted(tmp_path: Path) -> None:
    with proxied(tmp_path) as (proxy, http, api):
        assert proxy.kubeconfig.stat().st_mode & 0o077 == 0
        got = http.get(PODS, params={"limit": "5", "labelSelector": "a=b,c in (d)"})
        assert got.json()["items"][0]["metadata"]["name"] == "x"
        assert api.requests[0].query == {"limit": "5", "labelSelector": "a=b,c in (d)"}
        assert api.requests[0].headers["authorization"] == "Bearer secret"
        http.post(PODS, json={"a": 1})
        http.post(PODS, json={}, params={"dryRun": "All"})
        http.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json={})
        http.request("DELETE", PODS + "/x", json={"dryRun": ["All"]})
        http.request("DELETE", PODS + "/x", json={})
        http.patch("/api/v1/nodes/n/status", json={})
        http.get("/api/v1/namespaces/ns")
        http.get("/api/v1/namespaces")
        http.get("/version")
        assert api.requests[1].body == {"a": 1}
        assert (proxy.counts.requests, proxy.counts.writes) == (10, 3)
        assert proxy.counts.by_verb == {"list": 2, "create": 3, "delete": 2, "patch": 1, "get": 2}
        assert proxy.counts.seen[1] == ("POST", PODS, 200)
        assert not proxy.counts.injected


def test_long_bodies_pass_whole_and_are_counted(tmp_path: Path) -> None:
    with proxied(tmp_path) as (proxy, http, api):
        assert len(http.get(PODS + "/x/log").content) == 500_000
        assert 500_000 < proxy.counts.bytes_out < 501_000
        big = {"data": "x" * 3_000_000}
        http.post(PODS, json=big)
        assert api.requests[-1].body == big
        assert 3_000_000 < proxy.counts.bytes_in < 3_002_000


def test_events_of_a_watch_pass_at_once_and_the_server_learns_that_the_client_left(tmp_path: Path) -> None:
    with proxied(tmp_path) as (proxy, http, _api):
        with http.stream("GET", WATCH + "&hang=60") as stream:
            lines = stream.iter_lines()
            assert [json.loads(next(lines)) for _ in range(2)] == [EVENT, EVENT]
        assert proxy.counts.by_verb == {"watch": 1}
        assert http.get(PODS).status_code == 200


def test_shares_of_faults_are_kept_and_repeat_with_their_seed(tmp_path: Path) -> None:
    faults = Faults(seed=3, too_many=0.3, errors=0.2)
    with proxied(tmp_path, faults) as (proxy, http, api):
        first = [http.get(PODS).status_code for _ in range(50)]
        proxy.faults = faults
        assert [http.get(PODS).status_code for _ in range(50)] == first
        assert 8 <= first.count(429) <= 22
        assert 4 <= sum(code >= 500 for code in first) <= 16
        assert proxy.counts.injected["too_many"] == 2 * first.count(429)
        assert len(api.requests) == 2 * first.count(200), "a made-up answer never reaches the server"


def test_too_many_requests_say_when_to_come_again(tmp_path: Path) -> None:
    with proxied(tmp_path, Faults(too_many=1.0, retry_after=7)) as (_proxy, http, _api):
        got = http.get(PODS)
        assert (got.status_code, got.headers["Retry-After"]) == (429, "7")


@pytest.mark.parametrize(
    ("faults", "reached"),
    [(Faults(resets=1.0), 0), (Faults(lost_answers=1.0), 1), (Faults(truncated=1.0), 1)],
    ids=["before", "after", "in the middle"],
)
def test_resets(tmp_path: Path, faults: Faults, reached: int) -> None:
    with proxied(tmp_path, faults) as (proxy, http, api):
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            http.get(PODS)
        assert len(api.requests) == reached
        assert sum(proxy.counts.injected.values()) == 1
        proxy.faults = Faults()
        assert http.get(PODS).status_code == 200


def test_a_watch_is_cut(tmp_path: Path) -> None:
    with proxied(tmp_path, Faults(watch_cut=0.2)) as (proxy, http, _api):
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)), http.stream("GET", WATCH + "&hang=60") as got:
            list(got.iter_lines())
        assert proxy.counts.injected == {"watch_cut": 1}


def test_a_watch_falls_silent_but_stays_open(tmp_path: Path) -> None:
    with proxied(tmp_path, Faults(watch_silent=0.0)) as (proxy, http, _api):
        silence = httpx.Timeout(60, read=2)
        with pytest.raises(httpx.ReadTimeout), http.stream("GET", WATCH + "&hang=60", timeout=silence) as got:
            list(got.iter_lines())
        eventually(lambda: proxy.counts.injected == {"watch_silent": 1})


def test_410_as_an_event_and_as_a_status(tmp_path: Path) -> None:
    with proxied(tmp_path, Faults(gone_events=1.0)) as (proxy, http, _api):
        event: dict[str, Any] = json.loads(http.get(WATCH).text)
        assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
        proxy.faults = Faults(gone_answers=1.0)
        assert http.get(WATCH).status_code == 410
        assert http.get(PODS).status_code == 200, "only watches"


def test_the_token_expires(tmp_path: Path) -> None:
    with proxied(tmp_path, Faults(unauthorized_after=2)) as (proxy, http, _api):
        assert [http.get(PODS).status_code for _ in range(4)] == [200, 200, 401, 401]
        proxy.faults = Faults(unauthorized_after=0)
        assert http.get(PODS).status_code == 401


def test_down_and_up_again_at_the_same_address(tmp_path: Path) -> None:
    with proxied(tmp_path) as (proxy, http, _api), http.stream("GET", WATCH + "&hang=60") as stream:
        lines = stream.iter_lines()
        next(lines)
        proxy.down()
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            list(lines)
        with pytest.raises(httpx.ConnectError):
            http.get(PODS)
        proxy.up()
        assert http.get(PODS).status_code == 200
        began = time.monotonic()
        proxy.faults = Faults(down_at=Steps("/pods"), down_seconds=0.3)
        with pytest.raises(httpx.TransportError):
            http.get(PODS)
        eventually(lambda: _answers(http))
        assert time.monotonic() - began >= 0.3


def test_goes_down_at_a_chosen_request(tmp_path: Path) -> None:
    faults = Faults(down_at=lambda method, path: method == "POST" and path.endswith("/secrets"))
    with proxied(tmp_path, faults) as (_proxy, http, api):
        assert http.get("/api/v1/namespaces/ns/secrets").status_code == 200
        with pytest.raises(httpx.TransportError):
            http.post("/api/v1/namespaces/ns/secrets", json={})
        with pytest.raises(httpx.ConnectError):
            http.get(PODS)
        assert len(api.requests) == 1


def test_the_date_is_shifted(tmp_path: Path) -> None:
    with proxied(tmp_path, Faults(date_shift=-86400)) as (proxy, http, _api):
        moved = http.get(PODS).headers["Date"]
        proxy.faults = Faults()
        assert moved != http.get(PODS).headers["Date"]


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get(PODS).status_code == 200
    except httpx.TransportError:
        return False
