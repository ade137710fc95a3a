# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a tag of this collection has to fit, in a repository with two releases."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.release import problems


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "-q", "-b", "main", ".")
        self.write("charts/service/Chart.yaml", "version: 1.0.0\n")
        self.write("charts/service/templates/a.yaml", "a: 1\n")
        self.write("charts/other/Chart.yaml", "version: 3.0.0\n")
        self.release("0.1.0")

    def git(self, *arguments: str) -> None:
        author = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
        subprocess.run(["git", *author, *arguments], cwd=self.folder, check=True)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def release(self, version: str) -> list[str]:
        self.write("galaxy.yml", f"version: {version}\n")
        self.write("tests/interface.json", f'{{"version": "{version}"}}')
        self.write("changelogs/changelog.yaml", f"releases: {{{version}: {{}}}}\n")
        self.git("add", "-A")
        self.git("commit", "-qm", version)
        self.git("tag", f"v{version}")
        return problems(self.folder, f"v{version}")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_a_release_that_fits(repository: Repository) -> None:
    assert problems(repository.folder, "v0.1.0") == []
    repository.write("charts/service/templates/a.yaml", "a: 2\n")
    repository.write("charts/service/Chart.yaml", "version: 1.0.1\n")
    repository.write("charts/new/Chart.yaml", "version: 1.0.0\n")
    assert repository.release("0.2.0") == []


def test_a_release_candidate_has_a_tag_of_its_own(repository: Repository) -> None:
    assert repository.release("1.0.0-rc.1") == []


def test_a_chart_with_the_version_of_another_content(repository: Repository) -> None:
    repository.write("charts/service/templates/a.yaml", "a: 2\n")
    assert repository.release("0.2.0") == ["charts/service is another than in v0.1.0, but its version is still 1.0.0"]


def test_a_tag_beside_its_version_and_its_changelog(repository: Repository) -> None:
    repository.write("changelogs/fragments/one.yml", "bugfixes: []\n")
    found = problems(repository.folder, "v0.3.0")
    assert [each.partition(":")[0] for each in found] == [
        "galaxy.yml says 0.1.0, the tag says 0.3.0",
        "changelogs/changelog.yaml has no release 0.3.0",
        "1 changelog fragments belong to no release, among them one.yml",
        "tests/interface.json has the public names of 0.1.0",
    ]
    assert problems(repository.folder, "latest") == ["latest is no version: name it such as v1.2.3"]
