"""A bundle holds no secret value, is the same for the same set, and is what was signed when it is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.bundle import contents as of
from ansible_collections.todo.cloud.plugins.module_utils.bundle.bundle import (
    Bundle,
    Parts,
    check_values,
    made,
    opened,
    without_charts,
)
from ansible_collections.todo.cloud.plugins.module_utils.digest import canonical
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.parsing import load_json
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Member, Record
from ansible_collections.todo.cloud.plugins.module_utils.records.signing import RecordKeys
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore

from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.bundle.samples import KEY, PUBLIC

CHARTS = {"c" * 40: ("service.tgz", b"archive")}


def member(**more: Any) -> Member:
    given: dict[str, Any] = {
        "name": "api", "revision": 1, "uid": "u", "chart": "service", "chart_version": "1", "chart_digest": "c" * 40,
        "local": True, "inputs": "i", "watched": "none", "values": {"text": "plain"}, "secret_values": (),
    }  # fmt: skip
    return Member(**{**given, **more})


def stored(key: str = "", **more: Any) -> tuple[dict[str, Any], Record]:
    """A set as it is in the cluster."""
    record = Record(1, "staging", "2026-11-22T12:00:00Z", "ada", "1f3c5a7", {}, {"api": member(**more)})
    record = replace(record, charts={"c" * 40: b"archive"})
    kube = FakeKube()
    RecordStore(kube, "ns", "staging", RecordKeys.parse(key or None)).write(record)
    return kube.objects["ConfigMap", "ns", "release-set-1"], record


def make(key: str = "", **more: Any) -> Bundle:
    item, record = stored(key, **more)
    return made(item, "ns", record, CHARTS, Parts(), (), RecordKeys.parse(key or None))


def again(bundle: Bundle, key: str = "", change: Callable[[bytes], bytes] = lambda content: content) -> Bundle:
    def read(part: of.Part) -> bytes:
        return change(bundle.blobs[part.digest])

    return opened(bundle.manifest, read, RecordKeys.parse(None, [key] if key else []))


def test_the_same_set_is_the_same_bundle() -> None:
    assert make().digest == make().digest
    assert make(KEY).digest == make(KEY).digest != make().digest
    assert make(values={"text": "other"}).digest != make().digest


def test_it_is_opened_with_its_release_set_and_charts() -> None:
    bundle = again(make(KEY), PUBLIC)
    assert bundle.signed
    assert bundle.record
    assert bundle.record.signed
    assert bundle.record.members["api"].values == {"text": "plain"}
    assert bundle.record.charts == {"c" * 40: b"archive"}
    assert bundle.chart("c" * 40) == b"archive"
    assert bundle.chart("d" * 40) is None


def test_charts_stand_beside_the_release_set_only() -> None:
    item, _record = stored()
    found = without_charts(item, ["c" * 40])
    assert found["binaryData"] == {f"chart-{'c' * 40}.tgz": None}
    assert set(found) == {"metadata", "data", "binaryData"}


def test_another_content_than_the_one_that_is_listed() -> None:
    with pytest.raises(TodoCloudError) as caught:
        again(make(), change=lambda content: content + b" ")
    assert caught.value.failure.code is Code.BUNDLE_DAMAGED


def test_a_signature_of_another_bundle_does_not_do() -> None:
    bundle, other = make(KEY), make(KEY, values={"text": "other"})
    signatures = {digest: blob for digest, blob in other.blobs.items() if len(blob) == 88}
    (signature,) = signatures.values()
    forged = Bundle(bundle.contents, of.manifest(bundle.contents, signature), {**bundle.blobs, **signatures})
    with pytest.raises(TodoCloudError) as caught:
        again(forged, PUBLIC)
    assert caught.value.failure.code is Code.BUNDLE_UNSIGNED
    assert again(forged).record, "but for that it is sound"


def test_a_signed_list_with_a_release_set_that_nobody_signed() -> None:
    item, record = stored()
    bundle = made(item, "ns", record, CHARTS, Parts(), (), RecordKeys.parse(KEY))
    with pytest.raises(TodoCloudError) as caught:
        again(bundle, PUBLIC)
    assert caught.value.failure.code is Code.SET_UNSIGNED


def test_a_release_set_of_another_environment() -> None:
    item, record = stored()
    bundle = made(item, "ns", replace(record, environment="production"), CHARTS, Parts(), (), RecordKeys())
    with pytest.raises(TodoCloudError) as caught:
        again(bundle)
    assert caught.value.failure.code is Code.SET_DAMAGED
    other = made(item, "ns", replace(record, commit="2222222"), CHARTS, Parts(), (), RecordKeys())
    with pytest.raises(TodoCloudError) as caught:
        again(other)
    assert caught.value.failure.code is Code.BUNDLE_DAMAGED


@pytest.mark.parametrize("key", ["binaryData", "metadata", "data"])
@pytest.mark.parametrize("value", ["text", [1]], ids=str)
def test_a_release_set_that_is_no_object_of_kubernetes(key: str, value: Any) -> None:
    bundle = make()
    item = {**load_json(bundle.blobs[bundle.contents.record.digest]), key: value}
    raw = canonical(item)
    listed = replace(bundle.contents, record=of.part("release-set.json", of.RECORD, raw))
    blobs = {**bundle.blobs, of.digest_of(raw): raw, of.digest_of(listed.packed()): listed.packed()}
    with pytest.raises(TodoCloudError) as caught:
        again(Bundle(listed, of.manifest(listed, b""), blobs))
    assert caught.value.failure.code in (Code.BUNDLE_DAMAGED, Code.SET_DAMAGED)


def test_what_nobody_could_open_is_not_made() -> None:
    item, record = stored()
    digest = "sha512:" + "a" * 128
    images = (of.Image(f"ghcr.io/todo/api@{digest}", (digest,), ("api",)),)
    with pytest.raises(TodoCloudError):
        made(item, "ns", record, CHARTS, Parts(), images, RecordKeys())


CANARY = "ghp_" + "c4nAry" * 6


@pytest.mark.parametrize(
    "more",
    [
        {"values": {"env": [{"name": "X", "value": CANARY}]}},
        {"values": {"file": "-----BEGIN EC PRIVATE KEY-----\nMHc\n"}},
        {"secret_values": None},
    ],
)
def test_no_credential_is_bundled_or_taken(more: dict[str, Any]) -> None:
    with pytest.raises(TodoCloudError) as caught:
        make(**more)
    assert caught.value.failure.code is Code.BUNDLE_REFUSED
    assert CANARY not in str(caught.value)


def test_secret_values_stay_in_the_cluster() -> None:
    item, record = stored(values={"auth": {"password": CANARY}, "text": "x"}, secret_values=(("auth", "password"),))
    with pytest.raises(TodoCloudError, match="calls secret"):
        check_values(record)
    public = replace(record, members={"api": member(values={"auth": {"password": None}, "text": "x"},
                                                    secret_values=(("auth", "password"),))})  # fmt: skip
    bundle = made(item, "ns", public, CHARTS, Parts(), (), RecordKeys())
    assert not any(CANARY.encode() in blob for blob in bundle.blobs.values())
    assert again(bundle).record


def test_nothing_secret_hides_in_a_forged_release_set() -> None:
    """Somebody builds a sound, unsigned bundle by hand."""
    item, record = stored(values={"text": CANARY})
    harmless = replace(record, members={"api": member()})
    with pytest.raises(TodoCloudError) as caught:
        again(made(item, "ns", harmless, CHARTS, Parts(), (), RecordKeys()))
    assert caught.value.failure.code is Code.BUNDLE_REFUSED


@pytest.mark.parametrize("manifest", [b"", b"[]", b"no json"])
def test_no_manifest(manifest: bytes) -> None:
    with pytest.raises(TodoCloudError) as caught:
        opened(manifest, lambda part: b"", RecordKeys())
    assert caught.value.failure.code is Code.BUNDLE_DAMAGED


def test_a_part_that_is_too_large() -> None:
    with pytest.raises(TodoCloudError, match="too large"):
        Parts().add("x", "y", b"\0" * (of.LARGEST + 1))
