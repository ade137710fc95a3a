"""What changed since the last image that passed all checks is built, and all that can't be told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.registry.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.registry.client import RegistryClient
from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference
from ansible_collections.todo.cloud.plugins.module_utils.registry.unchanged import Judged, Wanted, commits_of, judge

from tests.support.fake_registry import FakeRegistry

A, B, C = ("a" * 40, "b" * 40, "c" * 40)  # newest first
LATEST = "staging-latest"


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry().serving() as served:
        yield served


def log(*commits: tuple[str, str]) -> str:
    """As git prints it: a commit, an empty line, its files."""
    return "\n".join(f"\t{commit}\n" + "".join(f"\n{file}" for file in files.split()) for commit, files in commits)


def judged(registry: FakeRegistry, text: str, paths: list[str], tag: str = f"sha-{A}", **access: Any) -> Judged:
    wanted = Wanted.parse({"name": "web", "image": f"ghcr.io/t/web:{tag}", "paths": paths})
    (found,) = judge(
        [wanted],
        commits_of(text),
        LATEST,
        lambda _image: RegistryClient("ghcr.io", **access or {"access": Access(registry.url)}),
    )
    return found


def built(registry: FakeRegistry, *commits: str, text: str = "1") -> str:
    """An image that some commits have, and that passed."""
    for commit in commits:
        registry.push("t/web", f"sha-{commit}", text=text)
    return registry.push("t/web", LATEST, text=text)


@pytest.mark.parametrize(
    ("files", "paths", "why"),
    [
        (("docs/a.md", "api/main.py"), ["web", "Dockerfile"], ""),
        (("docs/a.md", r'"web/a\"b"'), ["web"], r'"web/a\"b" changed'),  # Git quotes what it cannot print
        (("docs/a.md", "website/a webs"), ["./web/"], ""),
        (("docs/a.md", "web/main.py"), ["web", "Dockerfile"], "web/main.py changed"),
        (("Dockerfile", "docs/a.md"), ["web", "Dockerfile"], "Dockerfile changed"),
        (("docs/a.md", ""), ["."], "docs/a.md changed"),
        (("docs/a.md", ""), [], "its entry does not say what it is built from (build)"),
    ],
)
def test_what_changed_since_the_image_was_built(
    registry: FakeRegistry, files: tuple[str, str], paths: list[str], why: str
) -> None:
    digest = built(registry, C)
    found = judged(registry, log((A, files[0]), (B, files[1]), (C, "web/main.py")), paths)
    if why:
        assert (found.image, found.why) == (None, why)
    else:
        assert found.image == Reference.parse(f"ghcr.io/t/web@{digest}")
        assert found.why == f"as commit {C[:12]} has built it"


def test_an_image_that_did_not_pass_is_none(registry: FakeRegistry) -> None:
    """B was built, and a secret was in it: its tag did not move there. What B changed counts as changed."""
    built(registry, C)
    registry.push("t/web", f"sha-{B}", text="2")
    history = (A, "docs/a.md"), (B, "web/main.py"), (C, "web/main.py")
    assert judged(registry, log(*history), ["web"]).why == "web/main.py changed"
    assert judged(registry, log(*history), ["other"]).image, "it was not built from what B changed"


def test_a_run_that_is_repeated(registry: FakeRegistry) -> None:
    digest = built(registry, A)
    assert judged(registry, log((A, "web/main.py")), ["web"]).image == Reference.parse(f"ghcr.io/t/web@{digest}")
    registry.push("t/web", f"sha-{A}", text="2")
    assert (
        judged(registry, log((A, ""), (B, "")), ["web"]).why
        == "what was built of this commit has not passed all checks"
    )


def test_what_cannot_be_told_is_built(registry: FakeRegistry) -> None:
    history = log((A, ""), (B, ""))
    assert judged(registry, history, ["web"]).why == f"no image has the tag {LATEST}"
    built(registry, C)
    assert judged(registry, history, ["web"]).why.startswith("none of the last 2 commits has built")
    for text, tag in (
        (history, f"sha-{B}"),
        (history, "v1.0.0"),
        ("", f"sha-{A}"),
        ("fatal: no repository", f"sha-{A}"),
    ):
        assert judged(registry, text, ["web"], tag).why == "its tag is not that of the commit that is checked out"
    down: dict[str, Any] = {"access": Access("http://127.0.0.1:1"), "timeout": 0.1}
    assert "ghcr.io is unreachable" in judged(registry, history, ["web"], **down).why


def test_the_file_names_of_git_are_no_commits() -> None:
    assert commits_of(f'\t{A}\n\n{B}\n"\\t{C}"\n') == [(A, [B, f'"\\t{C}"'])]


def test_an_image_that_is_none() -> None:
    with pytest.raises(TodoCloudError) as caught:
        Wanted.parse({"name": "web", "image": "no image", "paths": []})
    assert caught.value.failure.code is Code.INVALID_INPUT
