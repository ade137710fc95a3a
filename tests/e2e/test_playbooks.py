"""The playbooks as people run them: again, in part, in check mode, with something broken, and back."""

from __future__ import annotations

import base64
import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cli import PUBLIC_HOST
from tests.e2e.conftest import NAMESPACE, TOP, Cluster, PlaybookRun, User, Watcher, until, without_injector
from tests.e2e.test_app import SERVICES, broker_messages, broker_tool
from tests.e2e.test_edge import answers, ask
from tests.e2e.test_secrets import secrets_of
from tests.support.canaries import files_that_show, shown
from tests.support.checkout import built
from tests.support.patience import patience


def everything(cluster: Cluster) -> dict[str, str]:
    """uid and specification of every object that a deployment could touch; pods and events live their own life."""
    kinds = (
        "namespaces,secrets,configmaps,serviceaccounts,services,deployments,statefulsets,networkpolicies,roles,"
        "rolebindings,"
        "resourcequotas,limitranges,poddisruptionbudgets,horizontalpodautoscalers,ingresses,customresourcedefinitions,"
        "components.dapr.io,configurations.dapr.io"
    )
    found = json.loads(cluster.kubectl("get", kinds, "-A", "-o", "json"))["items"]
    moving = {"ResourceQuota", "HorizontalPodAutoscaler"}  # their status is rewritten while nothing is changed
    return {key(o): o["metadata"]["uid"] + ("" if o["kind"] in moving else generation(o)) for o in found}


def key(item: dict[str, Any]) -> str:
    return f"{item['kind']} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}"


def generation(item: dict[str, Any]) -> str:
    """What changes only when somebody writes the object's specification."""
    meta = item["metadata"]
    if "generation" in meta:
        return str(meta["generation"])
    return json.dumps({k: v for k, v in item.items() if k not in ("metadata", "status")}, sort_keys=True)


def fingerprints(cluster: Cluster, releases: tuple[str, ...]) -> dict[str, tuple[str, int, list[str]]]:
    """uid, generation and pods of some releases."""
    out = {}
    for release in releases:
        meta = cluster.get("deployment", release)["metadata"]
        out[release] = (meta["uid"], meta["generation"], sorted(p["metadata"]["uid"] for p in cluster.pods(release)))
    return out


def test_site_from_nothing_deploys_and_verifies(first_site: PlaybookRun, cluster: Cluster) -> None:
    assert first_site.count("failed") == 0
    for service in SERVICES:
        assert re.search(rf"{service} +install .* verified", first_site.output), first_site.output[-3000:]
    records = cluster.get("configmaps", selector="todo.cloud/release-set")
    assert records, "a verified run leaves a record"


def test_a_second_run_changes_nothing(app: Cluster) -> None:
    before = everything(app)
    again = app.playbook("site.yml").ok()
    assert again.count("changed") == 0, again.output[-4000:]
    edge = ("ingress", "cert_manager") if app.facts["https"] else ()
    for part in ("kubernetes", "namespace", "dapr", "kafka", "dapr_components", *edge):
        assert f"{part}: as described" in again.output, "its role has nothing to do, so it does nothing"
    assert everything(app) == before


def test_check_mode_shows_the_change_and_writes_nothing(app: Cluster) -> None:
    before = everything(app)
    run = app.playbook("site.yml", "--check", "--diff", "-e", "backend_api_version=v1.1.0").ok()
    assert "v1.1.0" in run.output
    assert everything(app) == before
    assert app.image_of("backend-api").endswith(":v1.0.0")


def test_one_service_is_deployed_and_the_others_stay_untouched(app: Cluster) -> None:
    others = tuple(s for s in SERVICES if s != "backend-api")
    before = fingerprints(app, others)
    run = app.playbook("site.yml", "--limit", "backend_api", "-e", "backend_api_version=v1.1.0").ok()
    assert re.search(r"[1-9]\d* requests, 0 failed, longest gap \d+ ms", run.output), run.output[-3000:]
    assert app.image_of("backend-api").endswith(":v1.1.0")
    assert fingerprints(app, others) == before
    app.playbook("rollback.yml").ok()
    assert app.image_of("backend-api").endswith(":v1.0.0")
    assert fingerprints(app, others) == before


def test_the_broker_alone_by_limit(app: Cluster) -> None:
    """A part of the platform can be run by itself; nothing else is looked at, and it finds nothing to change."""
    before = everything(app)
    run = app.playbook("site.yml", "--limit", "kafka").ok()
    assert (run.count("changed"), "kafka" in run.output, "backend_api" in run.output) == (0, True, False)
    assert everything(app) == before


def two_environments_on_one_broker(app: Cluster) -> None:
    """What the second publishes is never in the first's topic, which its user may neither write nor read."""
    marker = f"second-{uuid.uuid4().hex}"
    event = json.dumps({"type": "task.created", "marker": marker})
    publish = f"""import urllib.request as r
url = "http://127.0.0.1:3500/v1.0/publish/pubsub/task-events"
r.urlopen(r.Request(url, {event.encode()!r}, {{"Content-Type": "application/json"}}), timeout=20)"""
    [pod, *_] = app.pods("backend-api", "todo-second")
    name = pod["metadata"]["name"]
    app.kubectl("exec", "-n", "todo-second", name, "-c", "backend-api", "--", "python3", "-c", publish)

    def seen(namespace: str) -> list[str]:
        return [marker for message in broker_messages(app, f"{namespace}task-events") if marker in str(message)]

    until(lambda: seen("todo-second"), 30, "the second environment's event in its own topic", interval=1)
    assert seen(NAMESPACE) == []
    login = app.get("secret", "kafka-credentials", "todo-second")["data"]
    user, password = (base64.b64decode(login[key]).decode() for key in ("username", "password"))
    assert user == "todo-second"
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    properties = f"""security.protocol=SASL_PLAINTEXT
sasl.mechanism=SCRAM-SHA-256
sasl.jaas.config={module} required username="{user}" password="{password}";
"""
    where = f"--bootstrap-server 127.0.0.1:9092 --topic {NAMESPACE}task-events --command-config /dev/stdin"
    told = f"--timeout-ms {1000 * patience(30):.0f}"  # it ends at once when it is refused
    reading = broker_tool(app, f"consumer.ConsoleConsumer {where} --group todo-second.x {told}", properties)
    assert "TopicAuthorizationException" in reading.stdout, reading  # Kafka's tools log to standard output


def test_a_second_environment_uses_the_platform_of_the_first(app: Cluster, tmp_path: Path) -> None:
    """It checks the platform's parts and leaves them alone; it may not manage them as well.

    Each public name leads to the pods of its own environment. The database is the same here, which has to be said.
    """
    second = {
        "environment_name": "second", "environment_namespace": "todo-second", "platform_manage": False,
        "environment_url": "", "frontend_version": "v1.1.0",
        "local_public_host": "second.local.test", "local_node_port": 30081,
    }  # fmt: skip
    settings = tmp_path / "second.json"
    settings.write_text(json.dumps(second))
    hosts = "kubernetes,namespace,platform,dependencies,dapr_components,notification_service,backend_api,frontend"

    def first() -> dict[str, str]:
        ours = {k: v for k, v in everything(app).items() if "todo-second" not in k}
        del ours["Secret kafka/kafka-users"]  # each environment adds its user
        return ours

    before = first()
    try:
        refused = app.playbook("site.yml", "-e", f"@{settings}", "--limit", "kubernetes,namespace")
        assert refused.code != 0
        same = (
            "Environment 'second' shares credentials with another one: url of Secret database here and url of Secret "
            "database of environment 'local' (namespace 'todo-local') are the same."
        )
        assert same in " ".join(refused.output.split()), refused.output[-3000:]
        assert "todo-second" not in app.kubectl("get", "namespaces"), "nothing is written"
        second["environment_shared_credentials"] = ["database"]
        settings.write_text(json.dumps(second))
        app.playbook("site.yml", "-e", f"@{settings}", "--limit", hosts).ok()
        assert len(app.pods("notification-service", "todo-second")[0]["spec"]["containers"]) == 2
        assert first() == before
        two_environments_on_one_broker(app)
        if app.facts["https"]:
            names = (PUBLIC_HOST, str(second["local_public_host"]))
            until(lambda: all(answers(app, name) for name in names), 60, "both names answer")
            assert [ask(app, "/", host=name).headers["x-app-version"] for name in names] == ["v1.0.0", "v1.1.0"]
        refused = app.playbook("site.yml", "-e", f"@{settings}", "-e", '{"platform_manage": true}', "--limit", "kafka")
        assert refused.code != 0
        assert "set platform_manage: false here" in " ".join(refused.output.split()), refused.output[-3000:]
        assert first() == before
    finally:
        app.kubectl("delete", "namespace", "todo-second", "--ignore-not-found", "--wait=false")


def test_broken_versions_are_refused_while_the_old_one_serves(app: Cluster, user: User, endpoint: str) -> None:
    """One after the other, both held; the rollback then goes past them to what was verified."""
    broken = {"crash": ("site.yml", "crash_loop"), "oom": ("playbooks/services.yml", "oom_killed")}
    with Watcher(f"{endpoint}/api/tasks", user.http.cookies).watching() as load:
        for fault, (book, code) in broken.items():
            run = app.playbook(book, "-e", f"backend_api_version=v1.1.0-{fault}", "-e", "release_on_failure=hold")
            assert run.code != 0
            assert code in run.output, run.output[-4000:]
            assert "Traceback" not in run.output
        app.playbook("rollback.yml").ok()
    assert load.failures == [], f"{len(load.failures)} of {load.requests} requests failed"
    assert app.image_of("backend-api").endswith(":v1.0.0")


def test_a_broken_version_takes_the_whole_set_back_when_requested(app: Cluster, user: User, endpoint: str) -> None:
    with Watcher(f"{endpoint}/api/tasks", user.http.cookies).watching() as load:
        run = app.playbook(
            "playbooks/services.yml",
            "-e",
            "backend_api_version=v1.1.0-crash",
            "-e",
            "frontend_version=v1.1.0",
            "-e",
            "release_on_failure=set",
        )
    assert run.code != 0
    assert load.failures == []
    for service in ("backend-api", "frontend"):
        assert app.image_of(service).endswith(":v1.0.0")


def test_a_version_that_answers_well_and_loses_tasks_is_taken_back(app: Cluster) -> None:
    """By a transaction through the whole app; one that works passes it first."""
    job = json.dumps({"verify_job": {"service": "frontend", "command": ["python", "-m", "frontend.transaction"]}})
    well = app.playbook("playbooks/services.yml", "-e", job, "-e", "backend_api_version=v1.1.0").ok()
    assert re.search(r"verify_job: ended well after [0-9.]+ s", well.output), well.output[-6000:]
    back = ("-e", "release_on_failure=set")
    lost = app.playbook("playbooks/services.yml", "-e", job, "-e", "backend_api_version=v1.1.0-loses-tasks", *back)
    assert lost.code != 0
    said = " ".join(lost.output.split())
    assert "failed: read the task: 404 instead of 200" in said, lost.output[-6000:]
    assert "verify_job_failed" in said
    assert app.image_of("backend-api").endswith(":v1.1.0")
    app.playbook("playbooks/services.yml").ok()
    assert app.image_of("backend-api").endswith(":v1.0.0")


@pytest.mark.registry
def test_a_missing_tag_is_named(app: Cluster) -> None:
    run = app.playbook("playbooks/services.yml", "-e", "backend_api_version=v9.9.9", "-e", "release_on_failure=set")
    assert run.code != 0
    assert "v9.9.9" in run.output
    assert "is not in its registry" in " ".join(run.output.split())
    assert app.image_of("backend-api").endswith(":v1.0.0")


def test_a_pod_without_its_sidecar_is_found_named_and_repaired(app: Cluster) -> None:
    """Where its webhook ignores failures, as Dapr's chart does by itself."""
    with without_injector(app, "Ignore"):
        app.kubectl(
            "delete", "pod", "-n", NAMESPACE, "-l", "app.kubernetes.io/instance=notification-service", "--wait=false"
        )
        until(
            lambda: any(len(p["spec"]["containers"]) == 1 for p in app.pods("notification-service")),
            60,
            "a pod without daprd",
        )
        run = app.playbook("playbooks/verify.yml")
        assert run.code != 0
        assert "notification-service" in run.output
        assert "sidecar_missing" in run.output, run.output[-3000:]
    app.playbook("site.yml").ok()
    assert [len(p["spec"]["containers"]) for p in app.pods("notification-service")] == [2]


def test_status_shows_every_service_and_no_secret(app: Cluster) -> None:
    run = app.playbook("playbooks/status.yml", "-vvvv").ok()
    for service in SERVICES:
        assert service in run.output
    assert run.count("changed") == 0
    assert not shown(run.output, secrets_of(app))


def test_certificates_of_dapr_that_last_are_left_alone(app: Cluster) -> None:
    """`make rotation` renews them."""
    book = "playbooks/rotate_dapr_certificates.yml"
    run = app.playbook(book).ok()
    assert run.count("changed") == 0
    assert "days; they are renewed when fewer than 60 are left" in run.output
    asked = app.playbook(book, "--check", "-e", "dapr_rotate_below_days=400").ok()
    assert "would restart backend-api" in asked.output
    assert app.playbook(book).ok().count("changed") == 0, "it was only asked"


def test_teardown_refuses_without_the_word(app: Cluster) -> None:
    run = app.playbook("playbooks/teardown.yml")
    assert run.code != 0
    assert app.get("deployment", "backend-api")


def test_the_installed_collection_does_the_same_as_the_checkout(app: Cluster, tmp_path: Path) -> None:
    """Built, installed into an empty folder and run from there, it finds nothing to change: charts count by content."""
    artifact = str(built(tmp_path))
    home = tmp_path / "empty"
    home.mkdir()
    install = app.run("ansible-galaxy", "collection", "install", artifact, "--no-deps", "-p", str(home), cwd=home)
    assert install.returncode == 0, install.stdout
    inventory = str(TOP / "inventories/local")
    run = app.playbook("todo.cloud.site", cwd=home, inventory=inventory, ANSIBLE_COLLECTIONS_PATH=str(home)).ok()
    assert run.count("changed") == 0, run.output[-3000:]


def test_the_plan_can_be_reviewed_and_taken_along_and_shows_no_secret(app: Cluster, tmp_path: Path) -> None:
    before = everything(app)
    summary, github, out = tmp_path / "plan.md", tmp_path / "github.md", tmp_path / "way-out"
    github.write_text("earlier step\n")
    flags = ("-e", f"summary_file={summary}", "-e", f"export={out}", "-e", "backend_api_version=v1.1.0")
    run = app.playbook("playbooks/plan.yml", "-vvvv", *flags, GITHUB_STEP_SUMMARY=str(github)).ok()
    assert run.count("changed") == 1, run.output[-3000:]
    assert re.search(r"backend-api +change +\d+ -> \d+ +image", run.output), run.output[-3000:]
    assert "### Plan of local: 1 to change, 5 unchanged" in summary.read_text()
    job = github.read_text()
    assert job.startswith("earlier step\n\n### ")
    assert "local: 1 to change, 5 unchanged." in job
    assert "```diff" in job
    assert (out / "backend-api.yaml").exists()
    assert everything(app) == before
    secrets = secrets_of(app)
    assert not shown(run.output, secrets)
    assert not files_that_show(tmp_path, secrets), "what is written to be handed on"
