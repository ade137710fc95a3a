"""A client under a lock asks before each write, and only then."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import APPLY, Guarded, KubeClient, always_allowed
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP

from tests.support.fake_kube import FakeKube

BODY = {"metadata": {"name": "a"}}
Call = Callable[[KubeClient, bool], object]
WRITES: list[Call] = [
    lambda kube, dry: kube.create(CONFIG_MAP, "ns", {"metadata": {"name": "b"}}, dry_run=dry),
    lambda kube, dry: kube.replace(CONFIG_MAP, "ns", BODY, dry_run=dry),
    lambda kube, dry: kube.patch(CONFIG_MAP, "ns", "a", BODY, content_type=APPLY, dry_run=dry),
    lambda kube, dry: kube.delete(CONFIG_MAP, "ns", "a", dry_run=dry),
]


class Lost(Exception):
    """The lock was lost."""


def lost(sure: bool = True) -> None:
    raise Lost


def there() -> FakeKube:
    kube = FakeKube()
    kube.put(CONFIG_MAP, "ns", BODY)
    return kube


@pytest.mark.parametrize("write", WRITES)
def test_writes_ask_and_dry_runs_do_not(write: Call) -> None:
    with pytest.raises(Lost):
        write(Guarded(there(), lost), False)
    write(Guarded(there(), lost), True)
    write(Guarded(there(), always_allowed), False)


def test_reads_do_not_ask() -> None:
    kube = there()
    guarded: KubeClient = Guarded(kube, lost)
    assert guarded.get(CONFIG_MAP, "ns", "a") == guarded.find(CONFIG_MAP, "ns", "a")
    assert len(guarded.list_(CONFIG_MAP, "ns")[0]) == 1
    assert (guarded.server, guarded.counts) == (kube.server, kube.counts)
