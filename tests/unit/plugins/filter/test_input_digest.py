# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible.template import trust_as_template
from ansible_collections.todo.cloud.plugins.filter.input_digest import input_digest

COMPONENTS = Path(__file__).resolve().parents[4] / "charts/dapr-components"


def test_every_file_that_helm_takes_of_the_chart_and_every_value_counts(tmp_path: Path) -> None:
    chart = shutil.copytree(COMPONENTS, tmp_path / "chart")
    seen = [input_digest(str(chart)), input_digest(str(chart), {"a": 1})]
    for file in sorted(chart.glob("ci/*.yaml")):  # .helmignore names it
        file.write_text("changed: true\n")
        assert input_digest(str(chart)) == seen[0]
    for file in sorted({*chart.rglob("*.yaml")} - {*chart.glob("ci/*")}):
        file.write_text(file.read_text() + "\n# changed\n")
        seen.append(input_digest(str(chart)))
    assert len(set(seen)) == len(seen)
    assert all(len(each) == 40 for each in seen)


def test_equal_inputs_are_equal_wherever_they_lie(tmp_path: Path) -> None:
    chart = shutil.copytree(COMPONENTS, tmp_path / "elsewhere")
    tagged = trust_as_template("text")  # Ansible's own strings
    assert input_digest(str(chart), {"b": tagged, "a": None}) == input_digest(str(COMPONENTS), {"a": None, "b": "text"})


def test_the_content_can_be_given(tmp_path: Path) -> None:
    content = "0" * 40
    chart = shutil.copytree(COMPONENTS, tmp_path / "chart")
    before = input_digest(str(chart), {"a": 1}, content=content)
    (chart / "values.yaml").write_text("# changed\n")
    assert input_digest(str(chart), {"a": 1}, content=content) == before
    assert before not in (input_digest(str(chart), {"a": 1}), input_digest(str(chart), {"a": 2}, content=content))


def test_a_missing_chart_is_named(tmp_path: Path) -> None:
    with pytest.raises(AnsibleFilterError, match="nowhere"):
        input_digest(str(tmp_path / "nowhere"))
