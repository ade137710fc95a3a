"""The workflows as the app's repository calls them, run by act: what is called, in which order, and with what.

Actions and programs that reach further are stood for: which playbook is called with which variables counts here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.workflows import SHELL, TOP, act, stand_ins

CALLERS = TOP / "examples/todo-app/.github"
CREDENTIAL, PUSH = "credential-of-the-deployer", "token-that-pushes"
HOOK = "https://chat.example.com/hooks/hidden"
SIGNING = {"COSIGN_PRIVATE_KEY": "key-that-signs", "COSIGN_PASSWORD": "password-of-the-key"}
SECRETS = {"KUBECONFIG_FILE": CREDENTIAL, "REGISTRY_PUSH_PASSWORD": PUSH, **SIGNING}
WHY = "One sentence that says why."
REPORT = "TODO_REPORT=report.json "
ANSIBLE = r"""#!/bin/bash
shown=$(env | grep -E '^TODO_' | grep -v '=$' | sort | tr '\n' ' ')
echo "ansible-playbook $* | $shown| $(cat "$KUBECONFIG" 2>/dev/null)" >> "$PIPELINE_LOG"
if [[ $1 == todo.cloud.images ]]; then
  one() { echo '{"service":"'"$1"'","image":"ghcr.io/t/'"$1:$TODO_VERSION"'","name":"ghcr.io/t/'"$1"'"}'; }
  echo "images=[$(one api),$(one web)]" >> "$GITHUB_OUTPUT"
  case $PIPELINE_BUILDS in
    both) echo "build=[$(one api),$(one web)]";;
    none) echo "build=[]";;
    *) echo "build=[$(one "$PIPELINE_BUILDS")]";;
  esac >> "$GITHUB_OUTPUT"
fi
if [[ $1 == "$PIPELINE_FAILS" ]]; then
  echo "One sentence that says why." >&2; echo "failure=One sentence that says why." >> "$GITHUB_OUTPUT"; exit 2
fi
"""


@dataclass
class Ended:
    """``called``: programs in order, those that only prepare left out; ``output``: with all that each step said."""

    code: int
    output: str
    called: list[str]


class Repository:
    """The app's, as it is after a merge."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "app", folder / "log"
        self.run_id = uuid4().hex  # by which its files in shared memory are named
        self._home, self._bin = folder / "home", folder / "bin"
        shutil.copytree(CALLERS, self.folder / ".github")
        (self.folder / "deploy").mkdir()
        (self.folder / "Makefile").write_text("test:\n\t@echo the tests of the app\n")
        for path in (self._home, self._bin):
            path.mkdir()
        for name in ("pip", "ansible-galaxy", "docker", "gh", "skopeo", "betterleaks", "cosign", "grype"):
            self.program(name, f'#!/bin/sh\necho "{name} $*" >> "$PIPELINE_LOG"\n')
        self.program("ansible-playbook", ANSIBLE)
        self.git("init", "-q", "-b", "main", ".")
        self.git("add", "-A")
        self.git("-c", "user.name=ada", "-c", "user.email=ada@example.com", "commit", "-qm", "$(touch pwned)")
        self.commit = self.git("rev-parse", "HEAD").strip()

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=self.folder, check=True, text=True, stdout=subprocess.PIPE
        ).stdout

    def program(self, name: str, text: str) -> None:
        (self._bin / name).write_text(text)
        (self._bin / name).chmod(0o755)

    def run(
        self,
        workflow: str,
        event: str,
        payload: object = None,
        secrets: dict[str, str] | None = None,
        fails: str = "",
        builds: str = "both",
    ) -> Ended:
        """What GitHub does with this event."""
        file = self.folder.with_name("event.json")
        file.write_text(json.dumps(payload or {}))
        path = f"{self._bin}:{SHELL}:{os.environ['PATH']}"
        said = self.folder.with_name("said")
        said.write_text("")
        given = SECRETS if secrets is None else secrets
        command = [
            str(act()), event, "-W", f".github/workflows/{workflow}.yml", "-e", str(file),
            "-P", "ubuntu-latest=-self-hosted", "--no-cache-server", "--concurrent-jobs", "1",
            "--env", f"PATH={path}", "--env", f"PIPELINE_LOG={self.log}", "--env", f"PIPELINE_FAILS={fails}",
            "--env", f"PIPELINE_BUILDS={builds}", "--env", f"STEPS_SAID={said}",
            "--env", f"GITHUB_RUN_ID={self.run_id}",
            *(word for name, value in given.items() for word in ("-s", f"{name}={value}")),
            *stand_ins(TOP / "tests/support/actions/build"),
        ]  # fmt: skip
        self.log.write_text("")
        env = {
            "PATH": path, "HOME": str(self._home), "PIPELINE_LOG": str(self.log), "GITHUB_RUN_ID": self.run_id,
        }  # fmt: skip
        done = subprocess.run(
            command, cwd=self.folder, env=env, text=True, timeout=300, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        preparing = ("pip install", "ansible-galaxy ", "gh auth")
        called = [line for line in self.log.read_text().splitlines() if not line.startswith(preparing)]
        return Ended(done.returncode, done.stdout + said.read_text(), called)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_a_merge_is_tested_built_and_runs_in_staging(repository: Repository) -> None:
    ended = repository.run("main", "push")
    assert ended.code == 0, ended.output[-3000:]
    version = f"sha-{repository.commit}"
    scan = next(i for i, line in enumerate(ended.called) if line.startswith("betterleaks git --redact"))
    built = [i for i, line in enumerate(ended.called) if line.startswith("build ghcr.io/t/")]
    moved = [line for line in ended.called if line.startswith("docker buildx imagetools create")]
    with_key = "cosign sign --yes --key env://COSIGN_PRIVATE_KEY "
    signed = [i for i, line in enumerate(ended.called) if line.startswith(with_key)]
    assert ended.called[built[0]] in (
        f"build ghcr.io/t/{name}:{version} SERVICE={name} VERSION={version}" for name in ("api", "web")
    )
    assert sorted(line.split()[-2] for line in moved) == [
        "ghcr.io/t/api:staging-latest",
        "ghcr.io/t/web:staging-latest",
    ]
    deployed, shown, log = ended.called[-3:]
    layers = [i for i, line in enumerate(ended.called) if re.match("betterleaks --redact .* image.tar$", line)]
    copied = [
        line for line in ended.called if re.match(r"skopeo copy --quiet docker://ghcr.io/t/(api|web)@sha256:", line)
    ]
    assert len(copied) == len(layers) == 2, "of what was pushed, by digest"
    assert [ended.called[i].partition("@")[0].rpartition("/")[2] for i in signed] in (["api", "web"], ["web", "api"])
    assert all("@sha256:" in ended.called[i] for i in signed), "a digest is signed, no tag"
    assert scan < built[0] < built[1] < max(signed) < ended.called.index(moved[0]) < ended.called.index(deployed)
    assert log == f"betterleaks --redact --no-banner --confidence=high /dev/shm/log-{repository.run_id}"
    inventory = "-i deploy/inventories/staging"
    given = [f"TODO_LOCK_WAIT=900 {report}TODO_VERSION={version} | {CREDENTIAL}" for report in (REPORT, "")]
    wanted = f"todo.cloud.services todo.cloud.verify {inventory} -e release_commit={repository.commit}"
    assert deployed == f"ansible-playbook {wanted} | {given[0]}"
    assert shown == f"ansible-playbook todo.cloud.status {inventory} | {given[1]}"
    assert CREDENTIAL not in ended.output
    assert not (repository.folder / "pwned").exists()
    assert not list(Path("/dev/shm").glob(f"*-{repository.run_id}")), "the credential is gone"


@pytest.mark.parametrize("builds", ["web", "none"])
def test_what_did_not_change_is_not_built_and_all_are_the_newest(repository: Repository, builds: str) -> None:
    ended = repository.run("main", "push", builds=builds)
    assert ended.code == 0, ended.output[-3000:]
    assert [line.split()[1] for line in ended.called if line.startswith("build ")] == (
        [] if builds == "none" else [f"ghcr.io/t/web:sha-{repository.commit}"]
    )
    moved = [line.split()[-2] for line in ended.called if line.startswith("docker buildx imagetools create")]
    assert sorted(moved) == ["ghcr.io/t/api:staging-latest", "ghcr.io/t/web:staging-latest"]
    assert [line for line in ended.called if line.startswith("ansible-playbook todo.cloud.services todo.cloud.verify ")]


def test_a_test_that_fails_stops_everything(repository: Repository) -> None:
    (repository.folder / "Makefile").write_text("test:\n\t@echo it fails; exit 3\n")
    told = [line for line in repository.run("main", "push", secrets={"NOTIFY_URL": HOOK}).called if "notify" in line]
    assert [line.split(" | ")[0] for line in told] == ["ansible-playbook todo.cloud.notify"]
    ended = repository.run("main", "push")
    assert ended.code != 0
    assert [line for line in ended.called if not line.startswith(("betterleaks", "grype"))] == []


def test_a_secret_in_the_history_stops_everything(repository: Repository) -> None:
    repository.program("betterleaks", "#!/bin/sh\nexit 1\n")
    ended = repository.run("main", "push")
    assert ended.code != 0
    assert [line for line in ended.called if not line.startswith("grype")] == []


def test_a_secret_in_a_layer_stops_what_would_come_after(repository: Repository) -> None:
    repository.program("betterleaks", '#!/bin/sh\n[ "$1" = git ]\n')
    ended = repository.run("main", "push")
    assert ended.code != 0
    assert not [line for line in ended.called if "imagetools" in line or "todo.cloud.services" in line]


def test_a_known_vulnerability_stops_what_would_come_after(repository: Repository) -> None:
    """Of what the repository depends on: everything; of an image: it is not signed, and nothing is deployed."""
    repository.program("grype", "#!/bin/sh\nexit 2\n")
    ended = repository.run("main", "push")
    assert ended.code != 0
    assert not [line for line in ended.called if line.startswith("build ")]
    repository.program("grype", "#!/bin/sh\n[ $1 = dir:. ]\n")
    ended = repository.run("main", "push")
    assert ended.code != 0
    assert [line for line in ended.called if line.startswith("build ")]
    assert not [line for line in ended.called if line.startswith("cosign") or "todo.cloud.services" in line]


def test_without_a_key_the_identity_of_the_workflow_signs(repository: Repository) -> None:
    given = {name: value for name, value in SECRETS.items() if name not in SIGNING}
    ended = repository.run("main", "push", secrets=given)
    assert ended.code == 0, ended.output[-3000:]
    assert len([line for line in ended.called if line.startswith("cosign sign --yes ghcr.io/t/")]) == 2


def test_a_secret_in_the_log_of_a_deployment_fails_it(repository: Repository) -> None:
    repository.program("betterleaks", '#!/bin/sh\ncase "$*" in */dev/shm/log-*) exit 1;; esac\n')
    ended = repository.run("release", "push", {"ref": "refs/tags/v1.2.0"})
    assert ended.code != 0
    assert "todo.cloud.promote" in ended.called[0]
    assert not list(Path("/dev/shm").glob(f"*-{repository.run_id}")), "it is gone"


def test_a_deployment_that_fails_says_why_and_the_run_fails(repository: Repository) -> None:
    ended = repository.run("main", "push", secrets={**SECRETS, "NOTIFY_URL": HOOK}, fails="todo.cloud.services")
    assert ended.code != 0
    assert WHY in ended.output
    shown, _scanned, told = ended.called[-3:]
    assert shown.startswith("ansible-playbook todo.cloud.status"), "the environment is shown all the same"
    assert told.startswith("ansible-playbook todo.cloud.notify | ")
    assert f"TODO_NOTIFY_URL={HOOK} TODO_NOTIFY_WHY={WHY} " in told
    assert "hidden" not in ended.output


def test_a_missing_credential_is_named_and_nothing_is_asked(repository: Repository) -> None:
    ended = repository.run("main", "push", secrets={})
    assert ended.code != 0
    assert "KUBECONFIG_FILE: is missing in this environment, docs/pipeline.md" in ended.output
    assert not [line for line in ended.called if "todo.cloud.services" in line or "todo.cloud.status" in line]


def test_a_tag_promotes_its_own_commit_and_builds_nothing(repository: Repository) -> None:
    ended = repository.run("release", "push", {"ref": "refs/tags/v1.2.0"})
    assert ended.code == 0, ended.output[-3000:]
    commit = repository.commit
    wanted = f"todo.cloud.promote -i deploy/inventories/production -e release_commit={commit}"
    given = f"TODO_COMMIT={commit} TODO_LOCK_WAIT=900 TODO_REGISTRY_PUSH_PASSWORD={PUSH} {REPORT}TODO_VERSION=v1.2.0"
    assert ended.called[0] == f"ansible-playbook {wanted} | {given} | {CREDENTIAL}"
    assert len(ended.called) == 3
    assert PUSH not in ended.called[1], "the token that pushes is known to the promotion alone"
    assert PUSH not in ended.output


def test_what_is_typed_into_the_form_is_text(repository: Repository) -> None:
    typed = "7; touch pwned; $(touch pwned) {{ lookup('pipe', 'touch pwned') }}"
    inputs = {"environment": "production", "to": typed, "service": "backend-api `touch pwned`", "emergency": typed}
    ended = repository.run("rollback", "workflow_dispatch", {"inputs": inputs})
    assert ended.code == 0, ended.output[-3000:]
    begins = (
        "ansible-playbook todo.cloud.rollback -i deploy/inventories/production --limit backend-api `touch pwned` | "
    )
    assert ended.called[0].startswith(begins)
    assert f"TODO_EMERGENCY={typed} TODO_LOCK_WAIT=900 {REPORT}TODO_ROLLBACK_TO={typed} " in ended.called[0]
    assert not list(repository.folder.rglob("pwned"))


def test_a_pull_request_gets_the_plan_of_staging(repository: Repository) -> None:
    own = {"head": {"repo": {"full_name": "t/app"}}, "number": 7}
    payload = {"number": 7, "pull_request": own, "repository": {"full_name": "t/app"}}
    repository.git("remote", "add", "origin", "https://github.com/t/app")
    repository.program("ansible-playbook", ANSIBLE + "echo plan > plan.md\n")
    ended = repository.run("pull-request", "pull_request", payload)
    assert ended.code == 0, ended.output[-3000:]
    (planned,) = (line for line in ended.called if line.startswith("ansible-playbook"))
    assert planned.startswith(
        "ansible-playbook todo.cloud.plan -i deploy/inventories/staging -e summary_file=plan.md | "
    )
    comment = "gh pr comment 7 --edit-last --create-if-none --body-file plan.md"
    assert ended.called.index(comment) > ended.called.index(planned), "the scan runs beside them"
    published = "mkdir -p published; touch published/record.json"
    log = (
        'echo "gh $*" >> "$PIPELINE_LOG"; case "$1 $2" in "run list") echo 77;; "run download") '
        + published
        + ";; esac"
    )
    repository.program("gh", f"#!/bin/sh\n{log}\n")
    both = repository.run("pull-request", "pull_request", payload)
    assert both.code == 0, both.output[-3000:]
    assert "gh run download 77 --name record-production --dir published" in both.called
    compared = (
        "ansible-playbook todo.cloud.compare -i deploy/inventories/production -e record_file=published/record.json"
    )
    (there,) = (i for i, line in enumerate(both.called) if line.startswith(f"{compared} -e summary_file=plan.md"))
    assert there < both.called.index(comment)
    payload["pull_request"] = {**own, "head": {"repo": {"full_name": "somebody/fork"}}}
    fork = repository.run("pull-request", "pull_request", payload)
    assert not [line for line in fork.called if line.startswith("ansible-playbook")], "a fork gets no credential"
