"""What a preflight says of Dapr's mutual TLS."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dapr.trust import Trust
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.preflight.dapr_trust import trust_problems


@pytest.mark.parametrize(
    ("days", "below", "said", "refused"),
    [
        (30, 7, "", False),
        (29, 7, "end in 29 days: renew them with playbooks/rotate_dapr_certificates.yml", False),
        (7, 7, "end in 7 days", False),
        (6, 7, "end in 6 days", True),
        (1, 0, "end in 1 day:", False),
        (-1, 0, "have ended, so no sidecar starts", True),
        (None, 7, "", False),
    ],
)
def test_certificates_that_end_soon_are_told_and_then_refused(
    days: int | None, below: int, said: str, refused: bool
) -> None:
    found = list(trust_problems("production", Trust(True, 400 if days else None, days, "", "dapr-system"), below))
    assert [said in str(each) for each in found] == [True] * bool(said)
    assert [each.certain for each in found] == [refused] * bool(said)
    assert all(each.code is Code.DAPR_TRUST for each in found)


def test_no_mutual_tls_is_told() -> None:
    (found,) = trust_problems("production", Trust(False, 300, 300, "", "dapr"), 7)
    assert "Dapr's mutual TLS is off (Configuration daprsystem in namespace dapr)" in str(found)
    assert not found.certain
