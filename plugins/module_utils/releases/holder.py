# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who holds a lock: person, machine, commit, run; and, on the same machine, whether that process still lives."""

from __future__ import annotations

import getpass
import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Holder:
    """``machine`` names one boot of one machine (and one pid namespace): only there does ``pid`` mean anything.

    ``grace``: seconds for which a Helm process of this holder may outlive it. ``by_hand``: no process holds
    it, a person took it over.
    """

    identity: str
    who: str = ""
    host: str = ""
    what: str = ""
    commit: str = ""
    url: str = ""
    machine: str = ""
    pid: int = 0
    started: str = ""
    grace: float = 0.0
    by_hand: bool = False

    @classmethod
    def me(cls, what: str, commit: str = "", grace: float = 0.0, url: str = "") -> Holder:
        """This process, with a name of its own for every run. Commit and URL come from CI where they are not given."""
        who, host = _user(), socket.gethostname()
        return cls(
            identity=f"{who}@{host}/{uuid.uuid4().hex[:12]}",
            who=who,
            host=host,
            what=what,
            commit=commit or _commit(),
            url=url or _run_url(),
            machine=_machine(),
            pid=os.getpid(),
            started=_started(os.getpid()) or "",
            grace=grace,
        )

    @classmethod
    def parse(cls, text: str, identity: str) -> Holder:
        """From a Lease's annotation; whatever can't be read is left empty."""
        try:
            raw = json.loads(text)
            known = {f.name for f in fields(cls)}
            holder = cls(**{key: value for key, value in raw.items() if key in known})
        except (ValueError, TypeError, AttributeError):
            return cls(identity=identity)
        return holder if holder.identity == identity else cls(identity=identity)

    def as_json(self) -> str:
        """For the annotation."""
        return json.dumps(asdict(self), sort_keys=True)

    def is_me_by_hand(self, other: Holder) -> bool:
        """A lock that the same person took over by hand, on the same machine."""
        return self.by_hand and (self.who, self.host) == (other.who, other.host)

    def as_result(self) -> dict[str, Any]:
        """For a module's result: who, where, what for."""
        return {key: getattr(self, key) for key in ("who", "host", "what", "commit", "url", "by_hand")}

    def describe(self) -> str:
        """In words, for a refusal."""
        commit = f" (commit {self.commit})" if self.commit else ""
        where = f" {self.url}" if self.url else ""
        host = f" on {self.host}" if self.host else ""
        return f"{self.what or 'a run'} of {self.who or self.identity}{host}{commit}{where}"


def is_dead_here(holder: Holder) -> bool:
    """True only if this is the holder's machine and its process is gone."""
    if not holder.machine or holder.machine != _machine() or not holder.pid:
        return False
    started = _started(holder.pid)
    return started is None or started != holder.started


def _machine() -> str:
    """This boot and pid namespace; empty where the system does not tell (then only time tells who is dead)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Start time of a process in clock ticks since boot, None when there is no such (living) process: proc(5), stat."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] in ("Z", "X") else after_name[19]


def _user() -> str:
    for name in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN"):
        if os.environ.get(name):
            return os.environ[name]
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _commit() -> str:
    """The commit that GitHub Actions, GitLab CI or Jenkins works on."""
    return next(
        (os.environ[name] for name in ("GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT") if os.environ.get(name)), ""
    )


def _run_url() -> str:
    env = os.environ
    if env.get("GITHUB_RUN_ID"):
        return (
            f"{env.get('GITHUB_SERVER_URL', '')}/{env.get('GITHUB_REPOSITORY', '')}/actions/runs/{env['GITHUB_RUN_ID']}"
        )
    return env.get("CI_JOB_URL") or env.get("BUILD_URL") or ""
