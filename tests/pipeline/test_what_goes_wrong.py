# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes wrong on the way, and what is seen of it; after test_pipeline. In this order."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.e2e.conftest import until
from tests.faults.parts import Place as Node
from tests.pipeline import vulnerabilities
from tests.pipeline.place import SERVICES, Place
from tests.pipeline.runner import Run
from tests.pipeline.test_pipeline import failed, succeeded
from tests.support.api_proxy import ApiProxy
from tests.support.faults import Faults
from tests.workflows import GRYPE, built

STARTS, SLOW_SECONDS = "backend_api/__main__.py", 30  # longer than a promotion takes to be refused
_SETTINGS = "[defaults]\ncallback_plugins = shown\n"
_PLUGIN = """from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "note"

    def v2_playbook_on_start(self, playbook):
        self._display.display("token = " + "ghp_" + "HALF" * 2)
"""
DEPLOYING = "Run Main Services are deployed and verified"


def deploys(run: Run) -> bool:
    """Its deployment has begun; a run that ended is none that deploys."""
    assert not run.ended.is_set(), run.output[-3000:]
    return DEPLOYING in run.output


def writes(run: Run) -> bool:
    return "TASK [Deploy and verify" in run.output


def runs(place: Place, environment: str) -> dict[str, str]:
    """All that is there, but the list of runs: it has those that were refused too."""
    found = place.state(environment)
    return {name: version for name, version in found.items() if not name.endswith("/release-events")}


@contextmanager
def no_pulls(node: Node) -> Iterator[None]:
    """The registry refuses the node that it runs on, and nobody else."""
    rule = ("-i", "lo", "-p", "tcp", "--dport", "5000", "-j", "REJECT", "--reject-with", "tcp-reset")
    node.in_node("iptables", "-I", "INPUT", *rule)
    try:
        yield
    finally:
        node.in_node("iptables", "-D", "INPUT", *rule)


def test_two_merges_within_a_minute(place: Place) -> None:
    """And a tag while staging still rolls, and one of a commit that never ran there."""
    start = (place.work / STARTS).read_text()
    first = place.merge("Slow to start", **{STARTS: f"import time\n\ntime.sleep({SLOW_SECONDS})\n{start}"})
    second, third = place.merge("Another"), place.merge("It starts at once", **{STARTS: start})
    place.runner.wait(second)
    assert (second.conclusion, second.superseded_by) == ("cancelled", third.number)
    until(lambda: deploys(first), 120, "the first one deploys")
    assert third.process is None, "the newest waits"
    production = place.state("production")
    failed(place, place.tag("v2.0.0", first.commit), "promotion_refused")
    succeeded(place, first)
    succeeded(place, third)
    until(lambda: place.version("staging") == f"sha-{third.commit}", 60, "the newest answers")
    assert second.commit in place.git("log", "--format=%H", third.commit), "the newest has what was merged before"
    failed(place, place.tag("v2.0.1", second.commit), "promotion_refused")
    assert place.state("production") == production


def test_a_moved_tag(place: Place) -> None:
    run = place.tag("v2.1.0")
    succeeded(place, run)
    succeeded(place, place.merge("Another version"))
    digests = place.digests("production")
    failed(place, place.tag("v2.1.0"), "image_tag_taken")
    assert place.digests("production") == digests
    place.git("push", "-q", "origin", ":v2.1.0")


def test_the_registry_is_down_for_a_push(place: Place) -> None:
    staging = place.state("staging")
    with place.runner.elsewhere(PIPELINE_REGISTRY="127.0.0.1:9"):
        run = place.merge("It cannot be pushed")
        failed(place, run, "connection refused")
    assert "retrying" in run.output
    assert DEPLOYING not in run.output
    assert place.state("staging") == staging
    assert all(f"sha-{run.commit}" not in place.tags(name) for name in SERVICES)


def test_an_unsigned_image_and_a_moved_tag(place: Place) -> None:
    """Signed by cosign, refused by the deployment, before anything is written; a promotion too."""
    dockerfile = (place.work / "Dockerfile").read_text()
    run = place.merge("Signed", Dockerfile=f"{dockerfile}LABEL note=signed\n")
    succeeded(place, run)
    staging, production = runs(place, "staging"), runs(place, "production")
    with place.runner.elsewhere(PIPELINE_COSIGN="true"):
        unsigned = place.merge("Nobody signs it", Dockerfile=f"{dockerfile}LABEL note=unsigned\n")
    failed(place, unsigned, "is not signed by image_signature_key (it has no signature)")
    assert f"sha-{unsigned.commit}" in place.tags("frontend"), "it was pushed"
    assert runs(place, "staging") == staging

    version = f"sha-{run.commit}"
    before = place.digest("frontend", version)
    moved = place.move_tag("frontend", version)
    assert place.digest("frontend", version) == moved != before
    told = place.refused("staging", "services", TODO_VERSION=version)
    assert f"frontend:{version}@{moved} is not signed by image_signature_key (it has no signature)" in told
    planned = place.refused("staging", "plan", TODO_VERSION=version)
    assert f"frontend:{version}@{moved} is not signed by image_signature_key" in planned
    place.move_back("frontend", version, before)
    assert runs(place, "staging") == staging

    place.unsign("frontend", before)
    run = place.tag("v2.2.0", run.commit)
    failed(place, run, f"@{before} is not signed by image_signature_key (it has no signature)")
    assert runs(place, "production") == production
    place.git("push", "-q", "origin", ":v2.2.0")
    succeeded(place, place.merge("As it was", Dockerfile=dockerfile))


def test_a_job_that_is_cancelled_and_a_machine_that_dies(place: Place) -> None:
    """Amid a deployment. The next run converges."""
    for end in (place.runner.cancel, place.runner.kill):
        run = place.merge(f"It is ended: {end.__name__}")
        until(partial(deploys, run), 120, "it deploys")
        until(partial(writes, run), 60, "and writes")
        end(run)
        place.runner.wait(run)
        begun = time.monotonic()
        again = place.merge("Once more")
        succeeded(place, again)
        print(f"after {end.__name__}: verified {time.monotonic() - begun:.0f} s after the next push", flush=True)
        assert place.version("staging") == f"sha-{again.commit}"


def test_the_registry_is_down_for_a_pull(place: Place) -> None:
    """For nodes alone: who deploys reads digests. The deployment waits, the old version answers, and it goes on."""
    before = place.version("staging")
    node = Node(os.environ["TODO_CLOUD_CLUSTER"], "todo-staging", place.kube)
    file = "deploy/inventories/staging/group_vars/all/zz_patience.yml"
    patience = "release_graces: {image_pull: 10}\nrelease_timeout: 300\n"
    run = place.merge("It cannot be pulled for a while", **{file: patience})
    until(partial(deploys, run), 120, "it deploys")
    with no_pulls(node):
        until(lambda: deploys(run) and "registry ghcr.io is down" in run.told(), 120, "the cause is named")
        assert place.version("staging") == before
    succeeded(place, run)
    assert place.version("staging") == f"sha-{run.commit}"
    place.commit("Less patience", **{file: ""})


def test_a_flaky_api_is_only_slower(place: Place) -> None:
    file = place.folder / "flaky"
    file.write_text(place.environments["staging"].secrets["KUBECONFIG_FILE"])
    with ApiProxy(file, Faults(seed=20, too_many=0.03, errors=0.03, resets=0.03, watch_cut=4.0)) as proxy:
        with place.given("staging", KUBECONFIG_FILE=proxy.kubeconfig.read_text()):
            run = place.merge("By a flaky API")
        succeeded(place, run)
    print(f"{proxy.counts.requests} requests, {dict(proxy.counts.injected)}", flush=True)
    assert {"too_many", "errors", "resets"} & proxy.counts.injected.keys()
    assert place.version("staging") == f"sha-{run.commit}"


def test_a_migration_that_fails(place: Place) -> None:
    pods = place.pods("staging")
    said = "the column is there already"
    command = ["python", "-c", f"raise SystemExit({said!r})"]
    run = place.merge("With a migration", **place.entries({"backend-api": {"migrations": command}}))
    failed(place, run, "backend-api-migration", said)
    assert place.pods("staging") == pods
    place.commit("Without it", **place.entries())


def test_a_freeze(place: Place) -> None:
    """And a chat that is down, which changes nothing."""
    file = "deploy/inventories/staging/group_vars/all/zz_freeze.yml"
    staging = runs(place, "staging")
    place.receiver.status = 503
    run = place.merge("Holidays begin", **{file: "release_freeze: [{why: holidays}]\n"})
    why = "deployments are frozen until somebody takes it out of release_freeze (holidays)"
    failed(place, run, why, "did not take the message (status 503): nobody was told")
    place.receiver.status = 200
    assert runs(place, "staging") == staging
    event = place.events("staging")[-1]
    assert (event["commit"], event["outcome"], event["code"]) == (run.commit, "refused", "deploy_frozen")
    place.commit("Holidays end", **{file: ""})


def test_what_is_missing_is_named_and_nothing_is_written(place: Place) -> None:
    """A secret of GitHub's environment, and one in the cluster."""
    staging = runs(place, "staging")
    mail = {"MAIL_PASSWORD": "mail/password"}
    with place.given("staging"):
        run = place.merge("It sends mail", **place.entries({"backend-api": {"secrets": mail}}))
    failed(place, run, "KUBECONFIG_FILE: is missing in this environment")
    assert "Run Main Environment on one screen" not in run.told(), "nothing is asked"
    failed(place, place.merge("It has its credential"), "needs Secret", "mail", "which is not there")
    assert runs(place, "staging") == staging
    place.commit("It sends none", **place.entries())


def test_a_rollback_waits_while_a_deployment_runs(place: Place) -> None:
    """For the environment's lock. Of jobs that GitHub runs, the group of both keeps the second one back before that."""
    start, before = (place.work / STARTS).read_text(), place.version("staging")
    run = place.merge("Slow to start", **{STARTS: f"import time\n\ntime.sleep({SLOW_SECONDS})\n{start}"})
    until(partial(deploys, run), 120, "it deploys")
    until(partial(writes, run), 60, "and writes")
    back = place.runner.dispatch("rollback", {"environment": "staging"})
    place.runner.approve(back)
    until(lambda: "waiting for the lock" in back.told(), 60, "it waits")
    assert not run.ended.is_set()
    succeeded(place, run)
    succeeded(place, back)
    until(lambda: place.version("staging") == before, 60, "the set before answers")
    place.commit("It starts at once", **{STARTS: start})


def test_a_rollback_by_hand_waits_for_a_reviewer(place: Place) -> None:
    was = place.digests("production")
    run = place.runner.dispatch("rollback", {"environment": "production"})
    assert not run.ended.wait(3)
    assert (run.process, run.given) == (None, ()), "no credential before somebody says yes"
    assert place.digests("production") == was
    place.runner.approve(run)
    succeeded(place, run)
    assert run.given == ("production-rollback",)
    until(lambda: place.digests("production") != was, 60, "production runs the set before")


def test_old_images_go_once_a_reviewer_says_yes(place: Place) -> None:
    """What sets of both environments name stays, and can be gone back to."""
    first = place.git("rev-list", "--max-parents=0", "HEAD")
    for name in SERVICES:
        place.move_tag(name, f"sha-{first}", to="sha-old")
    old = {name: place.tags(name) for name in SERVICES}
    run = place.runner.dispatch("cleanup", {"by": "hand"})
    assert not run.ended.wait(3)
    place.runner.approve(run)
    succeeded(place, run)
    assert run.given == ("production-rollback",)
    left = {name: place.tags(name) for name in SERVICES}
    print(f"{sum(map(len, old.values()))} tags, {sum(map(len, left.values()))} left")
    assert all("sha-old" in old[name] and "sha-old" not in left[name] for name in SERVICES)
    for environment in ("staging", "production"):
        named = place.named(environment)
        assert {name for name, _digest in named} == set(SERVICES)
        assert [each for each in named if not place.digest(*each)] == []
    again = place.runner.dispatch("cleanup", {"by": "hand"})
    place.runner.approve(again)
    succeeded(place, again)
    assert {name: place.tags(name) for name in SERVICES} == left


def test_a_branch_does_not_reach_production(place: Place) -> None:
    """Even one whose workflow names its environment."""
    text = (place.work / ".github/workflows/release.yml").read_text()
    mine = text.replace('{tags: ["v*.*.*"]}', "{branches: [mine]}")
    place.git("checkout", "-q", "-b", "mine")
    place.commit("Mine", **{".github/workflows/release.yml": mine})
    production = place.state("production")
    [run] = place.push("mine")
    place.git("checkout", "-q", "main")
    failed(place, run, "refs/heads/mine is not allowed to deploy to production")
    assert run.given == ()
    assert place.state("production") == production


def test_a_known_vulnerability(place: Place) -> None:
    """By grype itself, with a database of one; what has none passes, images too."""
    program = built(GRYPE)
    assert program, "Go builds it"
    env = {"GRYPE_DB_CACHE_DIR": str(place.folder / "grype"), "GRYPE_CHECK_FOR_APP_UPDATE": "false"}
    env |= {"GRYPE_DB_AUTO_UPDATE": "false", "GRYPE_DB_VALIDATE_AGE": "false"}
    vulnerabilities.write(place.folder / "one.db")
    subprocess.run([program, "db", "import", place.folder / "one.db"], env={**os.environ, **env}, check=True)
    staging, tags = place.state("staging"), place.tags("frontend")
    name, bad, good = vulnerabilities.PACKAGE, vulnerabilities.BAD, vulnerabilities.GOOD
    with place.runner.elsewhere(PIPELINE_GRYPE=str(program), **env):
        run = place.merge("It depends on it", **{"tools-requirements.txt": f"{name}=={bad}\n"})
        failed(place, run, f"{name} {bad} {good} python {vulnerabilities.NAME} High")
        assert (place.state("staging"), place.tags("frontend")) == (staging, tags)
        succeeded(place, place.merge("Another version", **{"tools-requirements.txt": f"{name}=={good}\n"}))


def test_a_secret_in_the_source(place: Place) -> None:
    staging, tags = place.state("staging"), place.tags("frontend")
    token = "ghp_" + secrets.token_hex(18)
    place.secrets.append(token)
    run = place.merge("With a token", **{"settings.py": f'\ntoken = "{token}"\n'})
    failed(place, run, "settings.py")
    assert place.state("staging") == staging
    assert place.tags("frontend") == tags


def test_a_secret_in_a_layer(place: Place) -> None:
    """Which the build itself brings in: the history has none."""
    staging = place.state("staging")
    dockerfile = (place.work / "Dockerfile").read_text()
    half = "0a1b2c3d4e5f6g7h8i"
    command = f"RUN python -c \"print('token', '=', 'ghp' + '_' + '{half}' * 2)\" > /tmp/build.log\nWORKDIR /app\n"
    run = place.merge_again("With a build's log", Dockerfile=dockerfile.replace("WORKDIR /app\n", command))
    failed(place, run, "tmp/build.log", ".tar!")
    assert half * 2 not in run.output
    assert place.state("staging") == staging


def test_a_secret_in_the_log_of_a_deployment(place: Place) -> None:
    """Which a plugin of the team's own prints: neither history nor image has it."""
    half = "9i8h7g6f5e4d3c2b1a"
    plugin = _PLUGIN.replace("HALF", half)
    run = place.merge_again("With a plugin", **{"ansible.cfg": _SETTINGS, "shown/note.py": plugin})
    failed(place, run, "github-pat", "token = REDACTED", f"path ............ /dev/shm/log-{run.identity}")
    assert DEPLOYING in run.output
    look = run.output.partition("Run Main No secret is in the log")[2].partition("Run Main")[0]
    assert "REDACTED" in look
    assert half * 2 not in look
