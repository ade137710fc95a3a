# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One place for all tests: they are one story, told in the order of the file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.pipeline.place import Place
from tests.support.receiver import Receiver


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Both environments are there, and nothing was deployed yet."""
    kubeconfig = os.environ["TODO_CLOUD_TEST_KUBECONFIG"]
    facts = json.loads((Path(kubeconfig).parent / "cluster.json").read_text())
    session = KubeSession.from_params({"kubeconfig": kubeconfig}, user_agent="todo.cloud tests")
    with session as kube, Receiver().serving() as receiver:
        found = Place(tmp_path_factory.mktemp("pipeline"), kube, facts, receiver)
        found.prepare()
        yield found
        found.clean_up()
