"""Only what was verified goes on, by the digest that ran; everything else is refused with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP
from ansible_collections.todo.cloud.plugins.module_utils.planning.promotion import (
    Promoted,
    Terms,
    check_charts,
    choose,
    promote_images,
    promoted_waves,
)
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import ReleaseSpec
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Member, Record
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore
from ansible_collections.todo.cloud.plugins.module_utils.registry.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.registry.client import RegistryClient
from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference

from tests.support.fake_kube import FakeKube
from tests.support.fake_registry import FakeRegistry

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
COMMIT = "1f3c5a7d9e"
STAGING = Terms("staging")


def member(name: str = "web", image: str = "", digest: str = "", **more: Any) -> Member:
    values = more.pop("values", {"image": image})
    return Member(
        name=name, revision=1, uid="u", chart="service", chart_version="1", chart_digest="chart", local=True,
        inputs="i", watched="none", values=values,
        images={f"Deployment/{name}/{name}": {"image": image, "digest": digest}}, **more,
    )  # fmt: skip


def spec(name: str = "web", chart: str = "chart", **values: Any) -> ReleaseSpec:
    return ReleaseSpec(name, "ns", "charts/service", values, chart_digest=chart)


def record(*members: Member, number: int = 1, commit: str = COMMIT, age: int = 60, **more: Any) -> Record:
    time = (NOW - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Record(number, "staging", time, "ada@ci", commit, {}, {m.name: m for m in members}, **more)


def store(*records: Record) -> RecordStore:
    kept = RecordStore(FakeKube(), "ns", "staging")
    for each in records:
        kept.write(each)
    return kept


def failure(run: Any, *args: Any) -> Any:
    with pytest.raises(TodoCloudError) as caught:
        run(*args)
    return caught.value.failure


def reason(run: Any, *args: Any) -> str:
    refused = failure(run, *args)
    assert refused.code is Code.PROMOTION_REFUSED
    assert refused.message.endswith(".")
    return str(refused.details["reason"])


def test_the_newest_verified_set_is_taken_or_that_of_a_commit() -> None:
    sets = store(record(number=1, commit="aaaaaaaaaa"), record(number=2), record(number=3, commit="bbbbbbbbbb"))
    sets.withdraw(3, "left for set 2 by ada@ci")
    assert choose(sets, STAGING, NOW).id == 2
    assert choose(sets, replace(STAGING, commit="aaaaaaa"), NOW).id == 1
    assert choose(sets, replace(STAGING, expect_commit=COMMIT[:7]), NOW).id == 2
    assert choose(sets, replace(STAGING, min_age=60, max_age=60), NOW).id == 2


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (replace(STAGING, commit="bbbbbbbbbb"), "withdrawn"),
        (replace(STAGING, commit="cccccccccc"), "unverified"),
        (replace(STAGING, commit="aaaaa"), "unverified"),  # too short to name a commit
        (replace(STAGING, expect_commit="cccccccccc"), "commit"),
        (replace(STAGING, commit="aaaaaaaaaa", expect_commit=COMMIT), "commit"),
        (replace(STAGING, min_age=61), "too_young"),
        (replace(STAGING, max_age=59), "too_old"),
    ],
)
def test_sets_that_may_not_go_on(terms: Terms, expected: str) -> None:
    sets = store(record(number=1, commit="aaaaaaaaaa"), record(number=2), record(number=3, commit="bbbbbbbbbb"))
    sets.withdraw(3, "left for set 2 by ada@ci")
    assert reason(choose, sets, terms, NOW) == expected


def test_a_set_that_failed_since_is_refused_until_it_is_verified_again() -> None:
    sets = store(record(number=1, commit="aaaaaaaaaa"), record(number=2))
    sets.note_failed(2, "2026-11-22T11:59:00Z: web crashes")
    for terms in (STAGING, replace(STAGING, commit=COMMIT)):
        refused = failure(choose, sets, terms, NOW)
        assert refused.details["reason"] == "verification_failed"
        assert "failed when it was verified again (2026-11-22T11:59:00Z: web crashes)" in refused.message
    assert choose(sets, replace(STAGING, commit="aaaaaaaaaa"), NOW).id == 1
    sets.note_failed(2, "")
    assert choose(sets, STAGING, NOW).id == 2


def test_an_environment_without_a_set() -> None:
    assert reason(choose, store(), STAGING, NOW) == "unverified"


def test_charts_and_components_must_be_the_verified_ones() -> None:
    tracing = {"tracing": {"rate": "1"}}
    values: dict[str, Any] = {"environment": "staging", "kafka": {"version": "3"}, "configuration": tracing}
    components = member("dapr-components", values=values, components=True)
    kept = record(member(), components, missing={"api": "its workloads are not Current"})
    terms = replace(STAGING, may_differ=("environment", "configuration.tracing"))
    mine: dict[str, Any] = {**values, "environment": "production", "configuration": {"tracing": {"rate": "0.1"}}}
    check_charts(kept, [spec(), spec("dapr-components", **mine)], terms)
    other = spec("dapr-components", **{**mine, "kafka": {"version": "4"}})
    refused = failure(check_charts, kept, [other], terms)
    assert (refused.details["reason"], refused.details["paths"]) == ("components", ["kafka.version"])
    assert reason(check_charts, kept, [spec(chart="another")], terms) == "chart"
    refused = failure(check_charts, kept, [spec("api")], terms)
    assert refused.details["reason"] == "incomplete"
    assert "its workloads are not Current" in refused.message


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry().serving() as served:
        yield served


class Asked:
    """The registry as the engine asks it."""

    def __init__(self, registry: FakeRegistry) -> None:
        self.client = RegistryClient("ghcr.io", Access(registry.url), 5, lambda _: None)

    def __call__(self, image: Reference) -> RegistryClient | None:
        return self.client if image.registry == "ghcr.io" else None


STAGED, RELEASED = "ghcr.io/todo/web:sha-1", "ghcr.io/todo/web:v1.0.0"


def test_the_digest_that_ran_goes_on_under_the_targets_tag(registry: FakeRegistry) -> None:
    platform = registry.push("todo/web", text="amd64")
    index = registry.push_index("todo/web", "sha-1", {"linux/amd64": platform})
    verified = record(member(image=f"{STAGED}@{index}", digest=index))
    (found,) = promote_images(verified, [spec(image=RELEASED)], Asked(registry), "staging")
    assert (str(found.image), found.tagged) == (f"{RELEASED}@{index}", False)
    assert found.accepted == (index, platform)
    assert Promoted.parse(found.as_result()) == found
    raw = {"name": "web", "namespace": "ns", "chart": "c", "values": {"image": RELEASED, "replicas": 3}}
    other = {"name": "db", "namespace": "ns", "chart": "c", "values": {}}
    assert promoted_waves([[raw], [other]], [found]) == [
        [{**raw, "values": {"image": f"{RELEASED}@{index}", "replicas": 3}}],
        [other],
    ]
    registry.repositories["todo/web"].tags["v1.0.0"] = index
    assert promote_images(verified, [spec(image=RELEASED)], Asked(registry), "staging")[0].tagged


def test_images_without_one_known_digest_are_refused(registry: FakeRegistry) -> None:
    digest = registry.push("todo/web", "sha-1")
    loaded = record(member(image=STAGED, digest=""))
    assert reason(promote_images, loaded, [spec(image=RELEASED)], Asked(registry), "staging") == "no_digest"
    by_tag = record(member(image=STAGED, digest=digest))
    assert promote_images(by_tag, [spec(image=RELEASED)], Asked(registry), "staging")[0].image.digest == digest
    assert promote_images(by_tag, [spec(replicas=2)], Asked(registry), "staging") == [], "no image, nothing to promote"


def test_what_changed_in_the_registry_meanwhile(registry: FakeRegistry) -> None:
    digest = registry.push("todo/web", "sha-1", text="1")
    verified = record(member(image=f"{STAGED}@{digest}", digest=digest))
    moved = registry.push("todo/web", "sha-1", text="2")
    assert reason(promote_images, verified, [spec(image=RELEASED)], Asked(registry), "staging") == "tag_moved"

    tags = registry.repositories["todo/web"].tags
    tags.pop("sha-1")
    tags["v1.0.0"] = moved
    refused = failure(promote_images, verified, [spec(image=RELEASED)], Asked(registry), "staging")
    assert refused.code is Code.IMAGE_TAG_TAKEN

    tags.clear()
    assert promote_images(verified, [spec(image=RELEASED)], Asked(registry), "staging"), "the digest itself is there"
    registry.repositories["todo/web"].manifests.pop(digest)
    refused = failure(promote_images, verified, [spec(image=RELEASED)], Asked(registry), "staging")
    assert refused.code is Code.IMAGE_NOT_FOUND


def test_a_registry_that_may_not_be_asked_is_named(registry: FakeRegistry) -> None:
    verified = record(member(image="quay.io/a/b:v1", digest="sha256:" + "1" * 64))
    refused = failure(promote_images, verified, [spec(image="quay.io/a/b:v1")], Asked(registry), "staging")
    assert refused.code is Code.INVALID_INPUT
    assert "quay.io" in refused.message


def test_annotations_permit_nothing() -> None:
    sets = store(record(number=1, commit="bbbbbbbbbb", age=864_000))
    notes = {"todo.cloud/verified-at": "2099-01-01T00:00:00Z", "todo.cloud/commit": COMMIT}
    sets._kube.patch(CONFIG_MAP, "ns", "release-set-1", {"metadata": {"annotations": notes}})
    assert reason(choose, sets, replace(STAGING, expect_commit=COMMIT), NOW) == "commit"
    assert reason(choose, sets, replace(STAGING, commit=COMMIT), NOW) == "unverified"
    assert reason(choose, sets, replace(STAGING, max_age=604_800), NOW) == "too_old"


@pytest.mark.parametrize("time", ["", "yesterday", "2026-01-01T00:00:00"])
def test_a_set_without_a_time_goes_nowhere(time: str) -> None:
    sets = store(replace(record(), time=time))
    assert reason(choose, sets, STAGING, NOW) == "no_time"


def test_a_damaged_set_is_passed_over_and_named() -> None:
    sets = store(record(number=1), record(number=2))
    sets._kube.patch(CONFIG_MAP, "ns", "release-set-2", {"data": {"digest": "0"}})
    warnings: list[str] = []
    assert choose(sets, STAGING, NOW, warnings.append).id == 1
    assert "release-set-2 is damaged" in warnings[0]
