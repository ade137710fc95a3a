"""One sentence a symptom: it names the container and what to look at, and holds no secret."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.readiness.pods import Role
from ansible_collections.todo.cloud.plugins.module_utils.readiness.sentences import container_of, sentence, short_mount
from ansible_collections.todo.cloud.plugins.module_utils.readiness.symptoms import KILLED_AT_START, Symptom
from ansible_collections.todo.cloud.plugins.module_utils.readiness.tree import symptoms_of

from tests.support.states import FIXTURES, objects, tree

STATES = ["deployment-crash-app", "deployment-oom", "deployment-image-missing", "deployment-key-missing",
          "deployment-never-ready", "deployment-unschedulable", "deployment-quota", "job-image-missing",
          "deployment-dependency-down", "statefulset-blocked-by-old-pod", "pod-create-container-error"]  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_every_symptom_has_a_sentence_that_names_where(state: str) -> None:
    assert (FIXTURES / f"{state}.yaml").exists()
    seen = tree(state)
    found = list(symptoms_of(seen))
    assert found
    for symptom in found:
        pod = next((pod for pod in seen.pods if pod["metadata"]["uid"] == symptom.pod_uid), None)
        text = sentence(symptom, "api", pod)
        assert text.startswith("api: ")
        assert symptom.container in text or symptom.pod in text
        assert "\n" not in text


@pytest.mark.parametrize("code", list(Code))
def test_no_code_leaves_the_sentence_empty_or_shows_a_secret(code: Code) -> None:
    symptom = Symptom(code, "", "Reason", "password=hunter2", pod="api-1", container="app", role=Role.APP)
    text = sentence(symptom, "api", cause="it ended")
    assert len(text) > len("api: : it ended")
    assert text.endswith(": it ended")
    assert "hunter2" not in text


def test_a_container_is_found_by_its_name_where_the_pod_is_known() -> None:
    pod = objects("pod-running")[0]
    name = pod["spec"]["containers"][0]["name"]
    found = container_of(pod, name)
    assert found is not None
    assert found.name == name
    assert container_of(pod, "other") is None
    assert container_of(None, name) is None


def test_the_memory_limit_is_told_where_the_container_is_known() -> None:
    symptom = Symptom(Code.OOM_KILLED, "", "OOMKilled", "", "api-1", "u", "app", Role.APP, 137, 1)
    pod = {"spec": {"containers": [{"name": "app", "resources": {"limits": {"memory": "16Mi"}}}]}, "status": {}}
    assert sentence(symptom, "api") == "api: container app was OOM-killed (1 restart)"
    assert sentence(symptom, "api", pod) == "api: container app was OOM-killed (memory limit 16Mi, 1 restart)"


def test_a_mount_is_reported_without_the_kubelets_preamble() -> None:
    assert short_mount('MountVolume.SetUp failed for volume "s" : secret "absent" not found') == (
        'secret "absent" not found'
    )
    assert short_mount('secret "absent" not found') == 'secret "absent" not found'


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ('container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root '
         '(pod: "web-1_ns(0a1b)", container: web)',
         "cannot be started: the image's user app is a name, and runAsNonRoot needs a number, set runAsUser"),
        ('failed to start: exec: "nope": no such file (pod: "web-1_ns(0a1b)", container: web)',
         'cannot be started: its command "nope": no such file'),
    ],
)  # fmt: skip
def test_a_container_that_cannot_start_says_why_not_which_pod(message: str, says: str) -> None:
    symptom = Symptom(Code.CONTAINER_START, "", "CreateContainerConfigError", message, "web-1", "u", "web", Role.APP)
    assert sentence(symptom, "web").endswith(says)


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (
            'Exec lifecycle hook ([sh -c x]) for Container "app" in Pod "p" failed - error: command \'sh -c x: y\' '
            'exited with 3: , message: "warmup: no cache\\n"',
            "api: the postStart hook of container app fails with exit code 3: warmup: no cache",
        ),
        ("", "api: the postStart hook of container app fails"),
    ],
)
def test_a_hook_that_fails_is_told_as_such(message: str, says: str) -> None:
    symptom = Symptom(Code.CONTAINER_START, "", "PostStartHookError", message, "p", container="app", role=Role.APP)
    assert sentence(symptom, "api") == says


def test_an_image_for_another_platform_is_not_told_as_absent() -> None:
    text = 'failed to pull and unpack image "r/a:1": no match for platform in manifest sha256:1: not found'
    symptom = Symptom(Code.IMAGE_PULL, "", "ErrImagePull", text, "p", container="app", role=Role.APP)
    assert sentence(symptom, "api").endswith("cannot be pulled: it is not built for the node's platform")


def test_a_key_that_a_volume_lacks_is_named_with_the_volume() -> None:
    text = 'MountVolume.SetUp failed for volume "v" : references non-existent config key: nope'
    assert short_mount(text) == 'volume "v" references non-existent config key: nope'


@pytest.mark.parametrize(("answer", "said"), [("HTTP 404", "HTTP 404; "), ("", "timed out; ")])
def test_a_start_that_was_killed_says_what_the_probe_was_answered(answer: str, said: str) -> None:
    probes = {"startupProbe": {"httpGet": {"path": "/no", "port": 80}}, "livenessProbe": {"tcpSocket": {"port": 80}}}
    pod = {"spec": {"containers": [{"name": "web", **probes}]}}
    killed = Symptom(Code.PROBE_KILLED, "", KILLED_AT_START, answer, "web-1", "u", "web", Role.APP, 143, 1)
    restarted = "container web was restarted because its startup probe failed"
    shown = f"web: {restarted} (GET :80/no every 10 s, 3 failures; {said}1 restart)"
    pod |= {"status": {"containerStatuses": [{"name": "web", "started": False}]}}
    assert sentence(killed, "web", pod, probe_message="timed out") == shown
    assert sentence(killed, "web") == f"web: {restarted} ({'HTTP 404; ' if answer else ''}1 restart)"


def test_claims_that_keep_a_pod_from_its_node_are_named() -> None:
    pod = {"spec": {"volumes": [{"persistentVolumeClaim": {"claimName": "data-db-0"}}, {"emptyDir": {}}]}}
    symptom = Symptom(
        Code.UNSCHEDULABLE, "", "Unschedulable", "pod has unbound immediate PersistentVolumeClaims.", "db-0"
    )
    assert sentence(symptom, "db", pod).endswith("(its claims: data-db-0)")
    assert sentence(symptom, "db").endswith("PersistentVolumeClaims.")
