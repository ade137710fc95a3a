# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.masking import masked
from ansible_collections.todo.cloud.plugins.module_utils.readiness.evidence import (
    describe_probe,
    refined,
    relevant_events,
    short_cause,
)
from ansible_collections.todo.cloud.plugins.module_utils.readiness.symptoms import Symptom


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("postgresql://todo:s3cret@db/x", "s3cret"),
        ("Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"),
        ("token=abc123def", "abc123def"),
        ('{"password": "hunter2"}', "hunter2"),
        ("saslPassword: hunter2", "hunter2"),
        ("SECRET_KEY=hunter2", "hunter2"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def", "eyJzdWIiOiIxIn0"),
        ("toomanyrequests: You have reached your pull rate limit as jane: dckr_jti_x", "jane"),
        ('denied: user "jane" may not pull', "jane"),
    ],
)
def test_secrets_are_masked(text: str, hidden: str) -> None:
    assert hidden not in masked(text)
    assert "***" in masked(text)


@pytest.mark.parametrize("text", ['secret "database" not found', "couldn't find key url in Secret a/b", "exit code 1"])
def test_names_of_secrets_are_not_masked(text: str) -> None:
    assert masked(text) == text


def event(
    reason: str, kind: str = "Warning", uid: str = "p1", at: str = "2026-11-21T10:00:00Z", **more: Any
) -> dict[str, Any]:
    about = {"kind": "Pod", "name": "x", "uid": uid}
    return {"involvedObject": about, "reason": reason, "type": kind, "lastTimestamp": at, "message": reason, **more}


def test_events_without_noise_since_the_rollout_began() -> None:
    events = [
        event("Pulled", "Normal"),
        event("Killing", "Normal", at="2026-11-21T10:00:05Z"),
        event("BackOff", at="2026-11-21T10:00:03Z", count=4),
        event("BackOff", at="2026-11-21T09:00:00Z"),
        event("BackOff", uid="other"),
        event("Unhealthy", at="", eventTime="2026-11-21T10:00:04.123456Z", series={"count": 7}),
    ]
    found = relevant_events(events, {"p1"}, since=1795255200.0)
    assert [(entry["reason"], entry["count"]) for entry in found] == [("BackOff", 4), ("Unhealthy", 7), ("Killing", 1)]


def test_a_missing_volume_is_made_precise_by_its_event() -> None:
    vague = Symptom(Code.VOLUME_MOUNT, "volume_mount", "ContainerCreating", pod="x", pod_uid="p1")
    text = 'MountVolume.SetUp failed for volume "s" : secret "absent" not found'
    clear = refined(vague, [event("FailedMount", message=text)], "w")
    assert (clear.code, clear.grace) == (Code.CONFIG_MISSING, "config_missing")
    slow = refined(vague, [event("FailedAttachVolume", message="Multi-Attach error")], "w")
    assert (slow.code, slow.message) == (Code.VOLUME_MOUNT, "Multi-Attach error")
    assert refined(vague, [], "w") == vague


@pytest.mark.parametrize(
    ("reason", "message", "count", "code"),
    [
        ("Scheduled", "Successfully assigned n/x to node1", 1, Code.CRASH_LOOP),
        ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", 3, Code.CRASH_LOOP),
        ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", 24, Code.PROBE_KILLED),
        ("Unhealthy", "Liveness probe errored: rpc error: container is not running", 1, Code.CRASH_LOOP),
        ("Killing", "Container app failed liveness probe, will be restarted", 1, Code.PROBE_KILLED),
        ("Killing", "Stopping container app", 1, Code.CRASH_LOOP),
    ],
)
def test_an_end_with_code_0_is_a_kill_only_if_the_kubelet_says_so(
    reason: str, message: str, count: int, code: Code
) -> None:
    about = {"uid": "p1", "kind": "Pod", "name": "x", "fieldPath": "spec.containers{app}"}
    reported = event(reason, message=message, count=count) | {"involvedObject": about}
    vague = Symptom(Code.PROBE_KILLED, "crash_loop", "Completed", pod_uid="p1", container="app", exit_code=0)
    assert refined(vague, [reported], "w").code is code
    assert refined(replace(vague, exit_code=143), [reported], "w").code is Code.PROBE_KILLED
    assert refined(vague, [], "w").code is Code.PROBE_KILLED


def test_a_refused_pod_is_made_precise_by_its_event() -> None:
    vague = Symptom(Code.FAILED_CREATE, "failed_create", "FailedCreate")
    text = 'pods "x-0" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1'
    assert refined(vague, [event("FailedCreate", uid="w", message=text)], "w").code is Code.QUOTA_EXCEEDED
    assert refined(vague, [event("FailedCreate", uid="other", message=text)], "w") == vague


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        ({"httpGet": {"port": 8080, "path": "/ready"}, "periodSeconds": 5}, "GET :8080/ready every 5 s, 3 failures"),
        ({"tcpSocket": {"port": "http"}, "failureThreshold": 1}, "TCP :http every 10 s, 1 failure"),
        ({"grpc": {"port": 9000}}, "gRPC :9000 every 10 s, 3 failures"),
        ({"exec": {"command": ["pg_isready", "password=x"]}}, "command pg_isready password=*** every 10 s, 3 failures"),
        (None, ""),
    ],
)
def test_probe_words(probe: dict[str, Any] | None, words: str) -> None:
    assert describe_probe(probe) == words


def test_short_cause_is_the_innermost_error() -> None:
    assert short_cause('failed to pull image "x": failed to resolve: ghcr.io/x:1: not found') == "not found"


@pytest.mark.parametrize(
    ("reasons", "patience"),
    [
        (["TriggeredScaleUp"], 540.0),
        (["NotTriggerScaleUp", "TriggeredScaleUp"], 540.0),
        (["Nominated"], 540.0),
        (["TriggeredScaleUp", "NotTriggerScaleUp"], 0.0),
        (["FailedScheduling"], 0.0),
        ([], 0.0),
    ],
)
def test_a_pod_for_which_a_node_is_added_has_the_time_that_takes(reasons: list[str], patience: float) -> None:
    pending = Symptom(Code.UNSCHEDULABLE, "unschedulable", "Unschedulable", "0/3 nodes", "x", "p1")
    events = [event(reason, "Normal", at=f"2026-11-21T10:00:0{n}Z") for n, reason in enumerate(reasons)]
    others = [event("TriggeredScaleUp", "Normal", uid="other", at="2026-11-21T11:00:00Z")]
    assert refined(pending, [*events, *others], "").patience == patience


@pytest.mark.parametrize(
    ("wraps", "cause"),
    [
        ('exec: "npm": ', "executable file not found in $PATH: unknown"),
        ("start container process: ", "container init was OOM-killed (memory limit too low?): unknown"),
        ("container init: ", 'error mounting "/a" to rootfs at "/b": not a directory: unknown'),
        ('exec: "/s/run.sh": ', "permission denied"),
        ("create mountpoint for /etc/passwd mount: (via /proc/self/fd/6), flags: 0x5001: ", "not a directory"),
        ("", "permission denied"),
        ("failed to verify certificate: x509: ", "certificate has expired: current time is after 2026-11-01"),
        ("unexpected status from POST request to https://r.example/token: ", "401 Unauthorized"),
    ],
)
def test_the_cause_is_the_part_that_says_it(wraps: str, cause: str) -> None:
    """Texts of containerd 1.7 and 2, and of Go's libraries."""
    assert short_cause(masked(f"{wraps}{cause}")) == cause.removesuffix(": unknown")
