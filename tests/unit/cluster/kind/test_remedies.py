from __future__ import annotations

import pytest

from tests.cluster.kind.remedies import explained


@pytest.mark.parametrize(
    ("output", "remedy"),
    [
        ("ERROR: failed to write layer: no space left on device", "docker system prune"),
        ("Failed to create inotify object: Too many open files", "sudo sysctl fs.inotify.max_user_instances=512"),
        ('could not find a log line that matches "Reached target .*Multi-User System.*"', "fs.inotify"),
        ("could not find an available, non-overlapping IPv4 address pool among the defaults", "docker network create"),
        ("Pool overlaps with other one on this address space", "disconnect it"),
        ("Bind for 127.0.0.1:30080 failed: port is already allocated", "run `make up` again"),
        ("permission denied while trying to connect to /var/run/docker.sock", "usermod -aG docker"),
        ("toomanyrequests: You have reached your pull rate limit", "docker login"),
        ("proxyconnect tcp: dial tcp 127.0.0.1:3128: connect: connection refused", "HTTPS_PROXY"),
        ("fork/exec /usr/bin/kubeadm: cannot allocate memory", "6 GiB"),
    ],
)
def test_one_sentence_with_the_remedy(output: str, remedy: str) -> None:
    sentence = explained("`kind create cluster`", output)

    assert sentence.startswith("`kind create cluster` failed: ")
    assert remedy in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_what_is_not_known_is_quoted() -> None:
    assert explained("`kind x`", "first\n  second ") == "`kind x` failed: first second"
