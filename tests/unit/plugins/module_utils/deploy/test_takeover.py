# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects that Helm would not take into a release, or would take away with it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.boundary import Boundary
from ansible_collections.todo.cloud.plugins.module_utils.deploy.takeover import (
    first_hooks,
    not_taken_over,
    turned_into_hooks,
)
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import Rendered
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import ReleaseStatus, Revision
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP

from tests.support.fake_environment import A1, A2, C1, World, deployed
from tests.support.fake_kube import FakeKube

OURS = {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "ns"}
HELM = {"app.kubernetes.io/managed-by": "Helm"}
MAP = "{apiVersion: v1, kind: ConfigMap, metadata: {name: x%s}}"
HOOK = ", annotations: {helm.sh/hook: '%s'}"


@pytest.mark.parametrize(
    ("metadata", "stored", "told"),
    [
        ({}, "", True),
        ({"annotations": OURS}, "", True),  # Helm asks for the label too
        ({"labels": HELM}, "", True),
        ({"annotations": OURS, "labels": HELM}, "", False),
        ({}, MAP % "", False),  # what the release has, Helm writes
        ({"labels": {"app.kubernetes.io/managed-by": "argocd"}}, "", False),  # told as another's
    ],
)
def test_what_nobody_marked_is_not_taken_over(metadata: dict[str, Any], stored: str, told: bool) -> None:
    kube = FakeKube()
    kube.put(CONFIG_MAP, "ns", {"metadata": {"name": "x", **metadata}})
    found = list(not_taken_over(Boundary(kube, "ns"), "web", Rendered(MAP % ""), lambda: stored))
    assert bool(found) is told
    for problem in found:
        assert (problem.code, problem.certain) == (Code.FOREIGN_OBJECT, True)
        assert problem.message == "'ConfigMap x' is there already, and no release of Helm has made it"
        assert "kubectl -n ns annotate configmap x meta.helm.sh/release-name=web" in problem.remedy


def test_it_ends_the_run_before_anything_is_written() -> None:
    world = World()
    world.kube.put(CONFIG_MAP, "ns", {"metadata": {"name": "settings"}})
    assert "no release of Helm has made it" in str(
        world.fails({"components": C1}, {"api": {**A1, "maps": ["settings"]}})
    )
    assert world.writes() == []
    world = deployed()
    world.kube.put(CONFIG_MAP, "ns", {"metadata": {"name": "settings"}})
    assert "no release of Helm has made it" in str(
        world.fails({"components": C1}, {"api": {**A2, "maps": ["settings"]}})
    )
    assert world.writes() == []


@pytest.mark.parametrize(
    ("event", "manifest", "stored", "told"),
    [
        ("pre-install,pre-upgrade", "", MAP % "", True),
        ("pre-upgrade", MAP % "", MAP % "", False),  # it stays in the release, too
        ("post-upgrade", "", MAP % "", False),  # Helm makes it after the removal
        ("pre-upgrade", "", "", False),
        ("pre-upgrade", "", MAP % ", annotations: {helm.sh/resource-policy: keep}", False),
    ],
)
def test_an_object_that_becomes_a_hook_would_be_removed(event: str, manifest: str, stored: str, told: bool) -> None:
    rendered = Rendered(manifest, hooks=(MAP % (HOOK % event),))
    found = list(turned_into_hooks("web", rendered, lambda: stored))
    assert [problem.code for problem in found] == ([Code.CHART_INVALID] if told else [])


@pytest.mark.parametrize(
    ("event", "statuses", "told"),
    [
        ("pre-install", ["failed"], True),
        ("post-install", ["failed", "failed"], True),
        ("pre-install,pre-upgrade", ["failed"], False),
        ("post-install", ["superseded", "failed"], False),
        ("test", ["failed"], False),
    ],
)
def test_hooks_of_a_first_installation_that_failed_do_not_run_again(
    event: str, statuses: list[str], told: bool
) -> None:
    history = [Revision("web", "ns", number, ReleaseStatus(status)) for number, status in enumerate(statuses, 1)]
    found = list(first_hooks("web", Rendered("", hooks=(MAP % (HOOK % event),)), history))
    assert [problem.certain for problem in found] == ([False] if told else [])
    assert not told or "(ConfigMap 'x') do not run again" in found[0].message
