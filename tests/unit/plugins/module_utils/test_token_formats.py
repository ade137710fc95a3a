# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.token_formats import FORMATS

from tests.support.secret_lines import lines


def test_every_format_has_its_word_in_lower_case() -> None:
    assert [word for word, _form in FORMATS if not word or word != word.lower()] == []


def test_a_format_is_found_by_its_word() -> None:
    texts = [line.text for line in lines()]
    missed = [
        found[0]
        for word, form in FORMATS
        for text in texts
        for found in form.finditer(text)
        if word not in found[0].lower()
    ]
    assert missed == []


def test_nothing_of_a_deployment_looks_like_a_token() -> None:
    names = (
        "backend-api-7d9f8b6c5d-x2x4z sha256:" + "0123456789abcdef" * 4,
        "0f3e1f6d-1b2c-4d5e-8f90-1234567890ab sh.helm.release.v1.backend-api.v12",
        "io.dapr.components.state.redis statestore_query_limit test_abcdefghijklmnopqrstuvwxyz",
        "kubernetes.io/service-account-token todo.svc.cluster.local:50001 v1.16.1-rc.2",
    )
    assert [form.pattern for _word, form in FORMATS for name in names if form.search(name)] == []
