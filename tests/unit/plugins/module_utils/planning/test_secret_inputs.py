"""Input digests of releases with secret values: by a key, and unchanged runs stay unchanged whatever becomes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digest import input_digest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.errors import HelmError, error_of
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest
from ansible_collections.todo.cloud.plugins.module_utils.labels import INPUT_KEY, INPUTS
from ansible_collections.todo.cloud.plugins.module_utils.planning.hiding import texts_of
from ansible_collections.todo.cloud.plugins.module_utils.planning.secret_inputs import SecretInputs
from ansible_collections.todo.cloud.plugins.module_utils.records.input_key import NAME

from tests.support.fake_environment import World, outcomes, spec
from tests.support.fake_helm import FakeHelm
from tests.support.fake_kube import FakeKube

CANARY = "hunter2-canary"
A, A2 = {"image": "r/api:v1.0.0", "secret": CANARY}, {"image": "r/api:v2.0.0", "secret": CANARY}
PLAIN = {"image": "r/web:v1.0.0"}


def deployed(*, values: dict[str, Any] | None = None) -> World:
    world = World()
    world.apply({"api": values or A, "web": PLAIN})
    world.helm.templates.clear()
    return world.forget()


def labels(world: World, name: str = "api") -> dict[str, str]:
    return dict(world.run().storage.history(name)[-1].labels)


def elsewhere(world: World) -> str:
    """Everything that is no Secret."""
    return json.dumps([item for (kind, _, _), item in world.kube.objects.items() if kind != "Secret"])


def test_the_label_is_keyed_and_only_secrets_hold_the_value() -> None:
    world = deployed()
    asked = spec("api", A)
    assert labels(world)[INPUTS] not in (asked.inputs, "")
    assert INPUT_KEY in labels(world)
    assert CANARY not in elsewhere(world)
    assert asked.inputs not in elsewhere(world)
    assert world.record(1).members["api"].values == A
    assert world.record(1).members["api"].secret_values == (("secret",),)


def test_a_release_without_secret_values_has_the_digest_it_always_had() -> None:
    world = deployed()
    assert labels(world, "web")[INPUTS] == input_digest(spec("web", PLAIN).chart_digest, PLAIN)
    assert INPUT_KEY not in labels(world, "web")
    assert ("Secret", "ns", NAME) not in World().kube.objects


def test_a_run_with_nothing_to_do_renders_nothing() -> None:
    world = deployed()
    report = world.apply({"api": A, "web": PLAIN})
    assert outcomes(report.as_result()) == {"api": "unchanged", "web": "unchanged"}
    assert (world.writes(), world.helm.templates) == ([], [])


def test_only_what_changes_is_rendered() -> None:
    world = deployed()
    report = world.apply({"api": A2, "web": PLAIN})
    assert outcomes(report.as_result()) == {"api": "verified", "web": "unchanged"}
    assert set(world.helm.templates) == {"api"}
    assert CANARY not in elsewhere(world)


def test_another_secret_value_is_a_change_that_names_its_path_only() -> None:
    world = deployed()
    report = world.apply({"api": {**A, "secret": "hunter3-canary"}, "web": PLAIN}, diff=True)
    assert outcomes(report.as_result())["api"] == "verified"
    assert "canary" not in json.dumps(report.as_result())
    assert "values secret" in json.dumps([item.as_result() for item in report.plan])


def test_with_another_key_nothing_rolls_and_the_next_write_has_the_new_one() -> None:
    world = deployed()
    was = labels(world)
    del world.kube.objects["Secret", "ns", NAME]
    report = world.apply({"api": A, "web": PLAIN})
    assert outcomes(report.as_result())["api"] == "unchanged"
    assert (world.writes(), world.helm.templates, labels(world)) == ([], [], was)
    world.apply({"api": A2, "web": PLAIN})
    assert labels(world)[INPUT_KEY] != was[INPUT_KEY]
    world.forget()
    assert outcomes(world.apply({"api": A2, "web": PLAIN}).as_result())["api"] == "unchanged"
    assert world.writes() == []


def test_a_change_is_seen_without_the_key() -> None:
    world = deployed()
    del world.kube.objects["Secret", "ns", NAME]
    report = world.apply({"api": {**A, "secret": "hunter3"}, "web": PLAIN})
    assert outcomes(report.as_result())["api"] == "verified"


def test_a_restored_key_is_used_again() -> None:
    world = deployed()
    key = world.kube.objects.pop(("Secret", "ns", NAME))
    world.apply({"api": A2, "web": PLAIN})  # by another key
    world.kube.objects["Secret", "ns", NAME] = key
    world.forget()
    assert outcomes(world.apply({"api": A2, "web": PLAIN}).as_result())["api"] == "unchanged"
    assert world.writes() == []


def test_a_rollback_takes_the_values_from_the_secret() -> None:
    world = deployed()
    world.apply({"api": {**A2, "secret": "hunter3"}, "web": PLAIN})
    for number in (1, 2):  # Helm's history is gone
        world.kube.objects.pop(("Secret", "ns", f"sh.helm.release.v1.api.v{number}"), None)
    world.forget()
    world.kube.objects.pop(("Deployment", "ns", "api"))
    world.manual("api", {"image": "r/api:v9.0.0"})
    world.rollback("1")
    assert world.live("api").config["secret"] == CANARY
    assert CANARY not in elsewhere(world)
    world.forget()
    assert outcomes(world.apply({"api": A, "web": PLAIN}).as_result())["api"] == "unchanged"


def test_a_rollback_by_helm_needs_no_secret_of_the_record() -> None:
    world = deployed()
    world.apply({"api": A2, "web": PLAIN})
    del world.kube.objects["Secret", "ns", "release-set-1"]
    world.rollback("1")
    assert world.image() == A["image"]
    assert world.record(3).members["api"].values == A  # as Helm stores them


def test_without_history_and_secret_a_rollback_is_refused_in_one_sentence() -> None:
    world = deployed()
    world.apply({"api": A2, "web": PLAIN})
    del world.kube.objects["Secret", "ns", "release-set-1"]
    del world.kube.objects["Secret", "ns", "sh.helm.release.v1.api.v1"]
    with pytest.raises(TodoCloudError, match="Secret with the secret values of set 1") as caught:
        world.rollback("1")
    assert CANARY not in json.dumps([caught.value.failure.as_result(), caught.value.results])


def test_values_of_an_unchanged_release_are_carried_into_the_next_record() -> None:
    world = deployed()
    del world.kube.objects["Secret", "ns", "release-set-1"]  # they come back from what Helm stores
    world.apply({"api": A, "web": {"image": "r/web:v2.0.0"}})
    assert world.record(2).members["api"].values == A
    assert not world.record(2).members["api"].incomplete


def test_a_record_of_an_older_version_is_examined_when_it_is_carried_on() -> None:
    world = deployed()
    old = world.record(1)
    plain = {name: replace(m, secret_values=None, input_key="") for name, m in old.members.items()}
    for kind in ("ConfigMap", "Secret"):
        del world.kube.objects[kind, "ns", "release-set-1"]
    world.run().records.write(replace(old, members=plain, secret_digest=""))
    assert CANARY in elsewhere(world)
    world.apply({"api": A, "web": {"image": "r/web:v2.0.0"}})
    del world.kube.objects["ConfigMap", "ns", "release-set-1"]
    assert CANARY not in elsewhere(world)
    assert world.record(2).members["api"].values == A


def test_adoption_keeps_the_values_out_of_labels_and_records() -> None:
    for manual in (A, {**A, "secret": "another-canary"}):  # as the inventory says, and not
        world = World()
        world.manual("api", manual)
        world.adopt({"api": A})
        assert INPUT_KEY in labels(world)
        assert "canary" not in elsewhere(world)
        assert spec("api", manual).inputs not in json.dumps(labels(world))
        report = world.apply({"api": A})
        assert outcomes(report.as_result())["api"] == ("unchanged" if manual == A else "verified")


def test_a_chart_that_needs_the_cluster_is_rendered_by_it() -> None:
    class Needy(FakeHelm):
        def template(self, request: ApplyRequest, *, kubernetes: str = "") -> str:
            raise error_of("template", request.name, "execution error at (x.yaml:1:2): no such API")

    kube = FakeKube()
    helm = Needy(kube)
    found = SecretInputs(kube, helm, "ns").examined(spec("api", A))
    assert found.secret_values == (("secret",),)
    assert helm.calls > 0
    assert issubclass(HelmError, Exception)


def test_a_credential_in_no_secret_is_kept_out_of_the_record_too() -> None:
    world = deployed(values={"image": "r/api:v1.0.0", "maps": [], "env": {"API_TOKEN": CANARY}})
    assert world.record(1).members["api"].secret_values == (("env", "API_TOKEN"),)
    assert CANARY not in elsewhere(world)


def test_nothing_is_hidden_of_a_chart_that_makes_no_secrets(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("name: api\nversion: 1.0.0\n")
    asked = replace(spec("api", {"image": "ghcr.io/acme/api:v1.0.0", "path": "/api/health"}), chart=str(tmp_path))
    examined = SecretInputs(FakeKube(), FakeHelm(FakeKube()), "ns").examined(asked)
    assert examined.secret_values == ()
    assert texts_of(examined) == set()
