# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects that are none, and names that Helm or Kubernetes does not take."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import objects_of
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import Rendered
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import NAMESPACE
from ansible_collections.todo.cloud.plugins.module_utils.preflight.check import Preflight
from ansible_collections.todo.cloud.plugins.module_utils.preflight.shapes import misshapen, repeated

from tests.support.fake_kube import FakeKube

HEAD = "apiVersion: v1\nkind: ConfigMap\n"
POD = "apiVersion: batch/v1\nkind: Job\nmetadata: {%s}\nspec: {template: {spec: {containers: [{name: a, image: b}]}}}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD + "metadata: {name: x}", ""),
        (HEAD + "metadata: {name: y}", "metadata.name of a 'ConfigMap' is true, not text: put it in quotes"),
        (HEAD + "metadata: {name: 12}", "metadata.name of a 'ConfigMap' is 12, not text: put it in quotes"),
        (HEAD + "metadata: {name: [a]}", "metadata.name of a 'ConfigMap' is a list, not text"),
        (HEAD + "metadata: {}", "a 'ConfigMap' of its chart has no metadata.name: name it"),
        (HEAD + "metadata: {generateName: x-}", "has no metadata.name: name it (generateName is not enough for Helm)"),
        ("apiVersion: v1\nmetadata: {name: x}", "an object without kind (metadata.name 'x'): add that"),
        ("{}", "an object without apiVersion and kind: add that"),
        ("kind: ConfigMap\nmetadata: {name: x}", "an object without apiVersion (metadata.name 'x'): add that"),
    ],
)
def test_an_object_needs_a_kind_and_a_name_that_is_text(text: str, says: str) -> None:
    found = list(misshapen("web", objects_of(text)))
    assert all(problem.certain and problem.code is Code.CHART_INVALID for problem in found)
    assert bool(found) is bool(says)
    assert says in "".join(map(str, found))


@pytest.mark.parametrize(("length", "certain"), [(52, None), (53, False), (54, False), (55, True)])
def test_the_pods_of_a_statefulset_carry_its_name_in_a_label(length: int, certain: bool | None) -> None:
    item = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "s" * length}}
    found = list(misshapen("web", [item]))
    assert [problem.certain for problem in found] == ([] if certain is None else [certain])
    assert found == [] or "takes 52 in all" in found[0].message


@pytest.mark.parametrize("name", ["generateName: h-", "name: n"])
def test_pods_of_what_has_no_name_are_not_tried_by_a_name_of_our_own(name: str) -> None:
    kube = FakeKube()
    kube.put(NAMESPACE, "", {"metadata": {"name": "ns"}})
    found = Preflight(kube, "ns", lambda images: []).problems({"web": Rendered("", hooks=(POD % name,))})
    assert [problem.code for problem in found] == [Code.CHART_INVALID]
    assert kube.tried == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + "metadata: {name: a}\n" + HEAD + "metadata: {name: b}", "'apiVersion' and 'kind' and 'metadata' twice"),
        (HEAD + "metadata: {name: a}\n---\n" + HEAD + "metadata: {name: b}", ""),
        (HEAD + "metadata: {name: a}\ndata: {x: '1', y: '1', x: '2'}", "ConfigMap a has 'x' twice in one place"),
        (HEAD + "metadata: &m {name: a}\ndata: {<<: *m, name: b}", ""),  # that is what << is for
        (HEAD + "metadata: &m {name: a}\ndata: {name: b, <<: *m}", ""),
    ],
)
def test_a_key_that_stands_twice(text: str, told: str) -> None:
    found = list(repeated("web", [text]))
    assert bool(found) is bool(told)
    assert told in "".join(map(str, found))
    assert not any(problem.certain for problem in found)
