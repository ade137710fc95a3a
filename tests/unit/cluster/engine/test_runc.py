from __future__ import annotations

from tests.cluster.engine.files.runc import limit, number, own


def test_a_capability_that_the_engine_lacks_is_left_out() -> None:
    process = {
        "args": ["x"],
        "capabilities": {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE", "CAP_NEW"], "ambient": None},
    }
    limit(process, 0x1FFFEFFFFFF)

    assert process == {"args": ["x"], "capabilities": {"bounding": ["CAP_CHOWN"], "ambient": []}}
    limit(other := {"args": ["x"]}, 0)
    assert other == {"args": ["x"]}


def test_capabilities_have_the_kernel_s_numbers() -> None:
    assert [number(f"CAP_{name}") for name in ("CHOWN", "SYS_ADMIN", "SYS_RESOURCE", "CHECKPOINT_RESTORE")] == [
        0,
        21,
        24,
        40,
    ]
    assert own() > 0
