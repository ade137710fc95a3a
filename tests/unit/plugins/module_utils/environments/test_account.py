"""A kubeconfig with a short-lived token: made, left alone, renewed; never over something else."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.account import Account, issue
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import NotFound

from tests.support.fake_kube import FakeKube

USER = "system:serviceaccount:todo-staging:deployer"
ENDLESS = base64.urlsafe_b64encode(json.dumps({"sub": USER, "iat": 1, "exp": 1e300}).encode()).decode()
CLUSTER = {"server": "https://10.0.0.1:6443", "certificate-authority-data": "Q0E=", "proxy-url": "http://me:pw@proxy"}


class Tokens(FakeKube):
    """Gives tokens for as long as they are asked for, ``most`` seconds at most; ``there``: the account is."""

    most = 10_000_000
    there = True
    given = 0

    def create(self, resource: Any, namespace: str, body: Any, **_: Any) -> Any:
        if not self.there:
            raise NotFound("not found", 404)
        self.given += 1
        account = resource.plural.split("/")[1]
        life = min(body["spec"]["expirationSeconds"], self.most)
        user = f"system:serviceaccount:{namespace}:{account}"
        claims = {"sub": user, "iat": self.now, "exp": self.now + life, "n": self.given}
        body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        return {"status": {"token": f"e30.{body}.sig"}}


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return Account("todo-staging", "deployer", tmp_path / "kubeconfig", 1000, "do-fra1-todo")


def token_in(account: Account) -> str:
    return str(json.loads(account.path.read_text())["users"][0]["user"]["token"])


def test_made(account: Account) -> None:
    issued = issue(Tokens(), CLUSTER, account)
    assert issued.as_result() == {
        "path": str(account.path),
        "user": "system:serviceaccount:todo-staging:deployer",
        "expires": "1970-01-12T14:03:20+00:00",
        "changed": True,
    }
    assert account.path.stat().st_mode & 0o777 == 0o600
    found = json.loads(account.path.read_text())
    assert found["current-context"] == "do-fra1-todo"
    assert found["contexts"][0]["context"]["namespace"] == "todo-staging"
    assert found["clusters"][0]["cluster"] == {key: CLUSTER[key] for key in ("server", "certificate-authority-data")}
    assert token_in(account) not in str(issued.as_result())
    assert [each.name for each in account.path.parent.iterdir()] == ["kubeconfig"]


def test_renewed_once_half_of_its_life_is_over(account: Account) -> None:
    kube = Tokens()
    issue(kube, CLUSTER, account)
    first = token_in(account)
    kube.now += 499
    assert not issue(kube, CLUSTER, account).changed
    assert token_in(account) == first
    kube.now += 2
    assert issue(kube, CLUSTER, account, dry_run=True).as_result()["expires"] == ""
    assert token_in(account) == first
    assert issue(kube, CLUSTER, account).changed
    assert token_in(account) != first
    assert kube.given == 2


@pytest.mark.parametrize("why", ["mode", "cluster"])
def test_renewed_where_the_file_is_not_as_it_should_be(account: Account, why: str) -> None:
    kube = Tokens()
    issue(kube, CLUSTER, account)
    if why == "mode":
        account.path.chmod(0o644)
    cluster = {**CLUSTER, "server": "https://10.0.0.2:6443"} if why == "cluster" else CLUSTER
    assert issue(kube, cluster, account).changed
    assert account.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"apiVersion: v1\nkind: Config\nusers: [{name: admin}]\n",
        b'{"users": [{"name": "deployer", "user": {"token": "opaque"}}]}',
        b'{"users": [{"name": "deployer", "user": {"token": "a.W10.c"}}]}',
        b'{"users": [{"name": "deployer", "user": {"token": "a.e30.c"}}]}',
        json.dumps({"users": [{"name": "deployer", "user": {"token": f"a.{ENDLESS}.c"}}]}).encode(),
    ],
)
def test_nothing_else_is_overwritten(account: Account, content: bytes) -> None:
    account.path.write_bytes(content)
    with pytest.raises(TodoCloudError) as refused:
        issue(Tokens(), CLUSTER, account)
    assert "it stays as it is. Name another file." in str(refused.value)
    assert account.path.read_bytes() == content


def test_another_accounts_file_is_left_alone(account: Account) -> None:
    other = Account("todo-production", "deployer", account.path, 1000, "x")
    issue(Tokens(), CLUSTER, other)
    with pytest.raises(TodoCloudError, match="not a kubeconfig of system:serviceaccount:todo-staging:deployer"):
        issue(Tokens(), CLUSTER, account)


def test_a_shorter_life_is_told(account: Account) -> None:
    kube = Tokens()
    kube.most = 600
    assert issue(kube, CLUSTER, account).warnings == [
        f"The API server gives tokens for 600 s, not for 1000 s: renew {account.path} in time."
    ]


def test_an_account_that_is_not_there(account: Account) -> None:
    kube = Tokens()
    kube.there = False
    with pytest.raises(TodoCloudError) as missing:
        issue(kube, CLUSTER, account)
    assert missing.value.failure.code == "not_found"
    assert "Set environment_deployer: true, and run playbooks/bootstrap.yml" in str(missing.value)
    assert not account.path.exists()


def test_a_folder_that_is_not_there(account: Account) -> None:
    lost = Account("todo-staging", "deployer", account.path.parent / "none" / "kubeconfig", 1000, "x")
    with pytest.raises(TodoCloudError, match=r"can't be written to .*: No such file or directory\. Name another"):
        issue(Tokens(), CLUSTER, lost)
