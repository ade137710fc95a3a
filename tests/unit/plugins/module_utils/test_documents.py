# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documents of a manifest."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.documents import documents_of


def test_documents_are_read_once() -> None:
    manifest = "a: 1\n---\n---\nb: [2]\n"

    assert documents_of(manifest) == ({"a": 1}, None, {"b": [2]})
    assert documents_of(manifest) is documents_of("".join(list(manifest)))
