"""Text becomes a boolean, or is refused by the variable's name."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.todo.cloud.plugins.filter.boolean import FilterModule, boolean


@pytest.mark.parametrize("value", [True, 1, "true", "True", "yes", "on", "1"])
def test_true(value: object) -> None:
    assert boolean(value, "x") is True


@pytest.mark.parametrize("value", [False, 0, "false", "False", "no", "off", "0"])
def test_false(value: object) -> None:
    assert boolean(value, "x") is False


@pytest.mark.parametrize("value", ["", "maybe", 2, None, [], {}])
def test_refused(value: object) -> None:
    with pytest.raises(AnsibleFilterError, match=r"release_prune .* is not a boolean: set it to true or false\.$"):
        boolean(value, "release_prune")


def test_it_is_a_filter() -> None:
    assert FilterModule().filters() == {"boolean": boolean}
