"""playbooks/backup.yml and restore.yml: what they ask of the cluster, in which order, and what a failure says."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

GROUPS: dict[str, dict[str, Any]] = {
    "cluster": {"kubernetes": {}},
    "environment": {"namespace": {}},
    "platform": {"kafka": {}},
    "components": {"dapr_components": {}},
    "core_services": {"backend_api": {}},
}
ROLES = ["cluster", "environment", "kafka", "redpanda_secrets"]
URL = "postgresql://todo:canary%2Fpass@db.example:5433/tasks?sslmode=require&channel_binding=require"
SECRET = {"metadata": {"name": "database"}, "data": {"url": base64.b64encode(URL.encode()).decode()}}
NONE: dict[str, Any] = {"resources": []}


def job(kind: str) -> dict[str, Any]:
    return {"resources": [{"status": {"conditions": [{"type": kind, "status": "True", "message": "deadline"}]}}]}


@pytest.fixture(scope="module")
def stubbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubbed]:
    with Stubbed(tmp_path_factory.mktemp("backup"), roles=ROLES) as found:
        yield found


def run(stubbed: Stubbed, playbook: str, *arguments: str, ended: str = "Complete", **variables: Any) -> Run:
    answers = {
        "kubernetes.core.k8s_info Secret database": {"resources": [SECRET]},
        "kubernetes.core.k8s_info Secret backup-database": NONE,
        "kubernetes.core.k8s_info Job": job(ended),
        "kubernetes.core.k8s_info Pod": NONE,
        "kubernetes.core.k8s_info Namespace": NONE,
        "kubernetes.core.k8s_exec": {"stdout_lines": ["/backups/1.dump", "/backups/2.dump"]},
        "kubernetes.core.k8s_log": {"log_lines": ["20260101T000000Z.dump: 4 KiB", ""]},
    }
    return stubbed.run(playbook, inventory(GROUPS, **variables), *arguments, answers=answers)


def written(found: Run, kind: str) -> list[dict[str, Any]]:
    """Objects of a kind that were written, in their order."""
    objects: list[dict[str, Any]] = []
    for call in found.calls:
        definition = call["args"].get("definition") or []
        objects += definition if isinstance(definition, list) else [definition]
    return [each for each in objects if each.get("kind") == kind]


def test_the_database_is_dumped_by_a_job_that_has_no_password_on_a_command_line(stubbed: Stubbed) -> None:
    found = run(stubbed, "backup")
    assert found.code == 0, found.output
    assert "20260101T000000Z.dump: 4 KiB" in found.text
    (secret,) = written(found, "Secret")
    assert (secret["metadata"]["name"], secret["metadata"]["namespace"]) == ("backup-database", "todo-test-backup")
    assert {key: base64.b64decode(value).decode() for key, value in secret["data"].items()} == {
        "PGHOST": "db.example", "PGPORT": "5433", "PGUSER": "todo", "PGPASSWORD": "canary/pass", "PGDATABASE": "tasks",
        "PGSSLMODE": "require", "PGCONNECT_TIMEOUT": "60",
    }  # fmt: skip
    (made,) = written(found, "Job")
    pod = made["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["args"] == ["dump"]
    assert container["envFrom"] == [{"secretRef": {"name": "backup-database"}}]
    assert pod["securityContext"]["runAsUser"] == 999
    assert "canary" not in found.output + str(made)
    assert [each["metadata"]["namespace"] for each in written(found, "PersistentVolumeClaim")] == ["todo-test-backup"]
    assert written(found, "CronJob") == []
    assert "k8s_scale" not in found.modules(), "the broker is left alone"


def test_a_schedule_and_an_upload(stubbed: Stubbed) -> None:
    upload = {"image": "rclone", "args": ["copy"]}
    found = run(stubbed, "backup", backup_schedule="17 2 * * *", backup_upload=upload, backup_keep=3)
    assert found.code == 0, found.output
    (cron,) = written(found, "CronJob")
    assert cron["spec"]["schedule"] == "17 2 * * *"
    pod = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert [each["args"] for each in pod["initContainers"]] == [["dump"]]
    (uploader,) = pod["containers"]
    assert (uploader["image"], uploader["args"]) == ("rclone", ["copy"])
    assert uploader["securityContext"]["readOnlyRootFilesystem"] is True
    assert {"name": "KEEP", "value": "3"} in pod["initContainers"][0]["env"]


def test_the_broker_runs_again_whatever_became_of_its_copy(stubbed: Stubbed) -> None:
    found = run(stubbed, "backup", ended="Failed", backup_broker="true", backup_database=False)
    assert found.code != 0, found.output
    assert [call["args"]["replicas"] for call in found.calls if call["module"].endswith("k8s_scale")] == [0, 1]
    (made,) = written(found, "Job")
    assert made["spec"]["template"]["spec"]["containers"][0]["args"] == ["copy-broker"]
    assert made["spec"]["template"]["spec"]["securityContext"]["runAsUser"] == 1000
    assert "The broker was not backed up: 20260101T000000Z.dump: 4 KiB (Job backup-copy-broker in kafka)." in found.text


def test_backups_that_this_machine_lacks_are_copied_to_it(stubbed: Stubbed, tmp_path: Path) -> None:
    here = tmp_path / "out" / "todo-test-backup"
    here.mkdir(parents=True)
    (here / "1.dump").write_text("x")
    found = run(stubbed, "backup", "-e", f"backup_to={tmp_path}/out", "-e", "backup_broker=true")
    assert found.code == 0, found.output
    copies = [call["args"] for call in found.calls if call["module"].endswith("k8s_cp")]
    assert [(each["namespace"], each["local_path"]) for each in copies] == [
        ("todo-test-backup", f"{here}/2.dump"),
        ("kafka", f"{tmp_path}/out/kafka/1.dump"),
        ("kafka", f"{tmp_path}/out/kafka/2.dump"),
    ]


def test_data_is_there_before_the_services_start(stubbed: Stubbed, tmp_path: Path) -> None:
    folder = tmp_path / "todo-test-backup"
    folder.mkdir()
    (folder / "20260101T000000Z.dump").write_text("x")
    more = ("-e", f"restore_from={tmp_path}", "-e", "restore_name=20260101T000000Z.dump", "-e", "restore_overwrite=yes")
    found = run(stubbed, "restore", *more)
    assert found.code == 0, found.output
    order = [call["module"].rpartition(".")[2] for call in found.calls]
    assert order.index("k8s_cp") < order.index("k8s_log") < order.index("release_apply")
    (made,) = written(found, "Job")
    (container,) = made["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["restore", "20260101T000000Z.dump"]
    assert {"name": "OVERWRITE", "value": "true"} in container["env"]


def test_nothing_is_deployed_on_data_that_was_not_restored(stubbed: Stubbed) -> None:
    found = run(stubbed, "restore", ended="Failed")
    assert found.code != 0, found.output
    assert "The database was not restored: " in found.text
    assert "release_apply" not in found.modules()


def test_without_a_database_it_says_so(stubbed: Stubbed) -> None:
    found = stubbed.run("backup", inventory(GROUPS), answers={"kubernetes.core.k8s_info": NONE})
    assert found.code != 0, found.output
    assert "There is no connection string of a PostgreSQL database" in found.text
    assert "k8s_log" not in found.modules()
