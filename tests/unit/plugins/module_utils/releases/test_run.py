"""One command with what a service has: what runs, what is said of it, and that nothing of it stays."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD
from ansible_collections.todo.cloud.plugins.module_utils.releases.run import Command, CommandRun, words_of

from tests.schemas import check_result
from tests.support.fake_environment import CHART, World, deployed
from tests.support.stored_releases import store


def world(image: str = "r/api:v1.0.0") -> World:
    """A deployed service of the chart ``service``, with a pod of the Job to come, whose log can be read."""
    found = deployed()
    store(found.kube, "api", 2, chart_name="service", config={"image": image, "replicas": 3, "env": {"A": "1"}})
    labels = {"app.kubernetes.io/instance": "api-run"}
    owner = {"kind": "Job", "name": "api-run", "uid": "j", "controller": True}
    found.kube.put(POD, "ns", {"metadata": {"name": "api-run-x", "labels": labels, "ownerReferences": [owner]}})
    found.kube.put(POD, "ns", {"metadata": {"name": "a-copy-of-it", "labels": labels}})
    found.kube.log = "first\nlast"
    return found


def run(found: World, service: str = "api", command: Any = "migrate 'a b'", **settings: Any) -> CommandRun:
    done = Command(found.run(**settings), service, words_of(command), CHART, ["api", "components"]).run()
    check_result("release_run", done.as_result())
    return done


def refused(found: World, **given: Any) -> str:
    with pytest.raises(TodoCloudError) as caught:
        run(found, **given)
    assert found.writes() == []
    return str(caught.value.failure.message)


def test_it_runs_as_a_job_and_is_gone_afterwards() -> None:
    found = world()
    done = run(found)
    assert (done.command, done.image, done.output) == (["migrate", "a b"], "r/api:v1.0.0", ["first", "last"])
    assert found.helm.commands == ["upgrade api-run", "uninstall api-run"]
    assert len(found.helm.jobs) == 1
    assert found.run().records.headers()[0].id == 1, "nothing is recorded"


def test_what_fails_is_named_with_its_output_and_is_gone_too() -> None:
    found = world("r/api:bad")
    with pytest.raises(TodoCloudError) as caught:
        run(found)
    assert caught.value.failure.code is Code.JOB_FAILED
    assert caught.value.failure.message.startswith("""api: "migrate 'a b'" failed: Job api-run-""")
    assert caught.value.results["output"] == ["first", "last"]
    assert found.helm.commands[-1] == "uninstall api-run"


def test_what_a_killed_run_left_goes_first_and_two_runs_are_two_jobs() -> None:
    found = world()
    store(found.kube, "api-run", 1, "pending-install")
    run(found)
    assert found.helm.commands == ["uninstall api-run", "upgrade api-run", "uninstall api-run"]
    assert "api-run: removed first, an earlier run was killed" in found.lines
    found.kube.now += 1
    run(found)
    assert len(set(found.helm.jobs)) == 2


def test_check_mode_says_what_would_run() -> None:
    found = world()
    done = run(found, check=True)
    assert (done.image, done.output, done.changed, found.writes()) == ("r/api:v1.0.0", [], True, [])


def test_underscores_are_hyphens_and_a_slip_gets_the_nearest_name() -> None:
    found = world()
    assert refused(found, service="component") == (
        "There is no service 'component' in this inventory; did you mean 'components'?"
    )
    assert refused(found, service="zzz") == "There is no service 'zzz' in this inventory; it has api, components."


def test_what_cannot_be_run() -> None:
    assert "is not deployed in staging: deploy it first" in refused(World(), service="api")
    assert "only for services of the chart 'service'" in refused(world(), service="components")
    assert "The command cannot be read: No closing quotation" in refused(world(), command="a 'b")
    assert refused(world(), command=" ") == "There is no command: say -e 'command=\"…\"'."
