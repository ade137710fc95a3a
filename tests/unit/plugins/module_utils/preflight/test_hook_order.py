# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hooks that need what their release makes only afterwards."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import Rendered
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import NAMESPACE, SECRET
from ansible_collections.todo.cloud.plugins.module_utils.preflight.check import Preflight

from tests.support.fake_kube import FakeKube

ACCOUNT = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: migrator%s}}"
PASSWORD = "{apiVersion: v1, kind: Secret, metadata: {name: database%s}, stringData: {url: x}}"
HOOK = ", annotations: {helm.sh/hook: '%s', helm.sh/hook-weight: '%s'}"
JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: migrate%s}
spec:
  template:
    spec:
      %s
      containers:
        - {name: a, image: b, env: [{name: URL, valueFrom: {secretKeyRef: {name: database, key: url}}}]}
"""


def told(*manifest: str, hooks: tuple[str, ...], kube: FakeKube | None = None) -> list[tuple[Code, bool]]:
    there = kube or FakeKube()
    there.put(NAMESPACE, "", {"metadata": {"name": "ns"}})
    rendered = {"web": Rendered("\n---\n".join(manifest), hooks=hooks)}
    found = [p for p in Preflight(there, "ns", lambda images: []).problems(rendered) if "Job migrate" in p.message]
    assert all("before the release's objects are made" in p.message and "hook-weight" in p.remedy for p in found)
    return [(problem.code, problem.certain) for problem in found]


ROBOT = "serviceAccountName: migrator"


@pytest.mark.parametrize(
    ("event", "wrong"),
    [("pre-install", True), ("pre-upgrade,post-upgrade", True), ("post-install", False), ("post-upgrade", False)],
)
def test_what_runs_before_its_release_cannot_use_the_release_s_objects(event: str, wrong: bool) -> None:
    job = JOB % (HOOK % (event, 0), ROBOT)
    expected = [(Code.CONFIG_MISSING, True), (Code.SERVICE_ACCOUNT_MISSING, True)] if wrong else []
    assert told(ACCOUNT % "", PASSWORD % "", hooks=(job,)) == expected


@pytest.mark.parametrize(("weight", "wrong"), [("-1", False), ("0", False), ("1", True), ("none", False)])
def test_what_is_a_hook_itself_comes_in_the_order_of_weights(weight: str, wrong: bool) -> None:
    hooks = JOB % (HOOK % ("pre-install", 0), ""), PASSWORD % (HOOK % ("pre-install", weight))
    assert told(PASSWORD % "", hooks=hooks) == ([(Code.CONFIG_MISSING, True)] if wrong else [])


def test_what_an_earlier_revision_made_is_there() -> None:
    job = JOB % (HOOK % ("pre-upgrade", 0), "")
    kube = FakeKube()
    kube.put(SECRET, "ns", {"metadata": {"name": "database"}, "data": {"url": "eA=="}})
    assert told(PASSWORD % "", hooks=(job,), kube=kube) == []
    kube.put(SECRET, "ns", {"metadata": {"name": "database"}, "data": {"other": "eA=="}})
    assert told(PASSWORD % "", hooks=(job,), kube=kube) == [(Code.CONFIG_MISSING, True)]
