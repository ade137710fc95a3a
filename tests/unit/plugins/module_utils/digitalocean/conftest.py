"""An account of the stand-in, and a client of it whose pauses move the account's clock."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.api import DigitalOcean
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.client import Client
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError

from tests.support.digitalocean import contract
from tests.support.digitalocean.server import TOKEN, FakeDigitalOcean


@pytest.fixture(scope="session", autouse=True)
def contract_is_there() -> Iterator[None]:
    contract.api()
    yield
    if count := contract.unchecked["count"]:
        warnings.warn(f"DigitalOcean's contract: {count} exchanges were not compared with it", stacklevel=1)


@pytest.fixture
def cloud() -> Iterator[FakeDigitalOcean]:
    with FakeDigitalOcean().serving() as served:
        yield served
        assert served.violations == []


def client(cloud: FakeDigitalOcean, lines: list[str] | None = None, token: str = TOKEN, **more: Any) -> Client:
    said: list[str] = [] if lines is None else lines
    return Client(Access(token, cloud.url, ca_path=cloud.ca_path, **more), cloud.account.clock.sleep, said.append)


def api(cloud: FakeDigitalOcean, lines: list[str] | None = None, token: str = TOKEN, **more: Any) -> DigitalOcean:
    return DigitalOcean(client(cloud, lines, token, **more))


def failure(run: Any, *args: Any, **more: Any) -> Any:
    with pytest.raises(TodoCloudError) as caught:
        run(*args, **more)
    return caught.value.failure


def body(name: str = "todo", **more: Any) -> dict[str, Any]:
    """What makes a small cluster."""
    pools = [{"name": "app", "size": "s-2vcpu-4gb", "count": 2}]
    return {"name": name, "region": "fra1", "version": "1.36.3-do.0", "ha": False, "node_pools": pools, **more}
