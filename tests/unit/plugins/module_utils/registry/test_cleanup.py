"""What is old and nobody needs goes; in doubt it stays."""

from __future__ import annotations

import fnmatch
import re
from datetime import UTC, datetime

from ansible_collections.todo.cloud.plugins.module_utils.registry.cleanup import Keep, Version, surplus

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def image(number: int, *tags: str, created: str = "") -> Version:
    """The lower its number, the older; a month and more."""
    return Version(digest(number), tags, created or f"2026-10-{number:02}T00:00:00Z")


def about(number: int, subject: int, end: str = "", created: str = "") -> Version:
    return Version(digest(number), (digest(subject).replace(":", "-") + end,), created)


def gone(
    *versions: Version,
    newest: int = 0,
    in_use: tuple[int, ...] = (),
    tags: tuple[str, ...] = (),
    missing: tuple[int, ...] = (),
    lists: dict[int, tuple[int, ...]] | None = None,
) -> list[int]:
    patterns = tuple(re.compile(fnmatch.translate(each)) for each in tags)
    keep = Keep(newest, patterns, 7 * 86400, frozenset(map(digest, in_use)))
    listed = {digest(index): frozenset(map(digest, found)) for index, found in (lists or {}).items()}
    found = surplus(versions, listed, frozenset(map(digest, missing)), keep, NOW)
    return [int(each.digest[7:], 16) for each in found]


def test_the_newest_stay() -> None:
    images = [image(number, f"sha-{number}") for number in (3, 1, 4, 2)]
    assert sorted(gone(*images, newest=2)) == [1, 2]
    assert gone(*images, newest=9) == []
    assert sorted(gone(*images)) == [1, 2, 3, 4]


def test_what_is_named_young_or_of_unknown_age_stays() -> None:
    images = [
        image(1, "sha-1"), image(2, "sha-2", "v1.2.3"), image(3, "staging-latest"),
        image(4, "sha-4", created="2026-11-29T00:00:00Z"), image(5, "sha-5", created="?"),
        image(6, "sha-6", created="1970-01-01T00:00:00Z"), image(7, created="2026-11-30T00:00:00Z"), image(8),
    ]  # fmt: skip
    assert sorted(gone(*images, tags=("v*.*.*", "*-latest"))) == [1, 8]


def test_what_is_in_use_stays_whatever_its_age_by_index_or_by_platform() -> None:
    tagged = [image(number, f"sha-{number}") for number in (1, 2, 3)]
    images = [*tagged, *map(image, (11, 12, 21, 31))]
    lists = {1: (11, 12), 2: (21,), 3: (31, 12)}
    assert sorted(gone(*images, in_use=(1,), lists=lists)) == [2, 3, 21, 31], "an index stays with its platforms"
    assert sorted(gone(*images, in_use=(12,), lists=lists)) == [2, 21], "runtimes name the platform's digest"
    assert sorted(gone(*images, lists=lists)) == [1, 2, 3, 11, 12, 21, 31]
    assert gone(*images, in_use=(1, 2, 3), lists=lists) == []


def test_what_an_index_of_indexes_lists_stays_with_it() -> None:
    versions = [image(1, "sha-1"), image(2), image(3), image(4, "sha-4")]
    lists: dict[int, tuple[int, ...]] = {1: (2,), 2: (3,)}
    assert gone(*versions, in_use=(1,), lists=lists) == [4]
    assert gone(*versions, in_use=(3,), lists=lists) == [4]
    assert gone(*versions, tags=("sha-1",), lists={**lists, 3: (1,)}) == [4]


def test_an_index_goes_before_what_it_lists() -> None:
    """Else one that the registry keeps would be broken."""
    assert gone(image(1, "amd64"), image(2), image(3, "sha-3"), lists={3: (1, 2)}) == [3, 1, 2]


def test_signatures_go_with_what_they_are_about() -> None:
    signatures = [about(51, 1, ".sig"), about(52, 2, ".sig"), about(53, 2)]
    versions = [image(1, "sha-1"), image(2, "sha-2"), image(26), *signatures]
    assert gone(*versions, in_use=(2,), lists={53: (26,)}) == [1, 51], "what a list of signatures names stays with it"
    assert gone(*versions, in_use=(1,), lists={53: (26,)})[0] == 2, "the image first"
    assert sorted(gone(*versions, in_use=(1,), lists={53: (26,)})) == [2, 26, 52, 53]
    assert gone(about(51, 1, ".sig")) == [], "nobody says that there is no such image"
    assert gone(about(51, 1, ".sig"), missing=(1,)) == [51]
    assert gone(about(51, 1, ".sig", created="2026-11-29T00:00:00Z"), missing=(1,)) == [], "its image may be on the way"


def test_a_tag_beside_one_of_a_signature_makes_it_an_image() -> None:
    odd = Version(digest(1), (digest(2).replace(":", "-"), "mine"), "2026-11-29T00:00:00Z")
    assert odd.subjects == ()
    assert gone(odd, missing=(2,)) == []
