# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The short form of ``make shapes``: some shapes side by side."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import NAMESPACE, SECRET
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.shapes.images import build_images
from tests.shapes.world import Shapes

FEW = ("redis", "orders", "prices", "admin", "uploads", "landing")  # they need no Dapr, no database and nothing slow


@pytest.fixture(scope="module")
def shapes(kube: KubeSession, kubeconfig: str) -> Iterator[Shapes]:
    build_images(web=False)
    made = Shapes(kube, kubeconfig, "test-shapes")
    made.prepare()
    for name, key in (("redis", "password"), ("oauth", "secret")):
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {key: "for-a-test"}}
        kube.create(SECRET, made.namespace, body)
    yield made
    kube.delete(NAMESPACE, "", made.namespace)


def test_shapes_side_by_side_are_verified(shapes: Shapes) -> None:
    shapes.apply(*FEW)


@pytest.mark.parametrize("name", ["orders", "redis"])  # redis: an ordered StatefulSet, whose broken pod blocks
def test_a_broken_version_is_refused_and_taken_back(name: str, shapes: Shapes) -> None:
    assert shapes.life(name).refused == "crash_loop"
