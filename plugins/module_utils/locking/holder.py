# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who holds a lock: person, machine, commit, run; and, on the same machine, whether that process still lives."""

from __future__ import annotations

import getpass
import json
import os
import signal
import socket
import uuid
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..parsing import Malformed, load_json, parse, parse_as
from ..processes import CONTROLLER, gone, machine, started

LONGEST_SECONDS = 86_400.0  # for which anything in a Lease may keep others waiting
_MAX_PID = 2**22  # of Linux: proc(5), pid_max
_MAX_TEXT = 2000
_WORDS = {"release_apply": "a deployment", "release_rollback": "a rollback"}  # for people, who start playbooks


@dataclass(frozen=True)
class Holder:
    """``machine`` names one boot of one machine (and one pid namespace): only there does ``pid`` mean anything.

    ``grace``: seconds for which a Helm process of this holder may outlive it. ``manual``: no process holds it, a person
    took it over (``by_hand`` in the annotation and in results).
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
    manual: bool = False

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
            machine=machine(),
            pid=os.getpid(),
            started=started(os.getpid()) or "",
            grace=grace,
        )

    @classmethod
    def parse(cls, text: str, identity: str) -> Holder:
        """From a Lease's annotation; only the identity when it can't be read, or when another program wrote it."""
        holder = cls.noted(text)
        return holder if holder and holder.identity == identity else cls(identity=identity)

    @classmethod
    def noted(cls, text: object) -> Holder | None:
        """Who wrote a Lease's annotation last, who may have released the lock since; None when it can't be read."""
        try:
            raw = parse_as(dict[str, Any], load_json(text))
            known = {f.name for f in fields(cls)}
            given = {key: value for key, value in raw.items() if key in known}
            holder = parse(cls, {**given, "manual": raw.get("by_hand", False)})
        except Malformed:
            return None
        possible = 0 <= holder.pid <= _MAX_PID and 0 <= holder.grace <= LONGEST_SECONDS
        return holder if possible and all(len(str(value)) <= _MAX_TEXT for value in given.values()) else None

    def as_json(self) -> str:
        """For the annotation."""
        return json.dumps(self._stored(), sort_keys=True)

    def is_my_manual_lock(self, other: Holder) -> bool:
        """Is it a lock that the same person took over manually, on the same machine?"""
        return self.manual and (self.who, self.host) == (other.who, other.host)

    def as_result(self) -> dict[str, Any]:
        """The holder in a module's result."""
        stored = self._stored()
        kept = {key: stored[key] for key in ("who", "host", "what", "commit", "url", "by_hand")}
        return {**kept, "description": self.describe()}

    def _stored(self) -> dict[str, Any]:
        stored = asdict(self)
        stored["by_hand"] = stored.pop("manual")
        return stored

    def describe(self) -> str:
        """A description for people."""
        commit = f" (commit {self.commit})" if self.commit else ""
        where = f" {self.url}" if self.url else ""
        host = f" on {self.host}" if self.host else ""
        what = _WORDS.get(self.what, self.what) or "a run"
        return f"{what} of {self.who or self.identity[:_MAX_TEXT]}{host}{commit}{where}"


def is_dead_here(holder: Holder) -> bool:
    """True only if this is the holder's machine and its process is gone."""
    return is_here(holder) and gone(holder.pid, holder.started)


def is_here(holder: Holder) -> bool:
    """Did the holder take the lock on this machine, in this boot and pid namespace?"""
    return bool(holder.machine) and holder.machine == machine() and bool(holder.pid)


def end_stuck(holder: Holder) -> bool:
    """Kills a module of ours on this machine that lost its lock because it hung or was stopped: woken later, it and its
    Helm processes would go on writing. True if it did.

    Only a process that an action plugin of this collection started is touched, whatever a Lease says.
    """
    if not is_here(holder) or holder.pid == os.getpid() or gone(holder.pid, holder.started):
        return False
    try:
        if f"{CONTROLLER}=".encode() not in Path(f"/proc/{holder.pid}/environ").read_bytes():
            return False
        os.kill(holder.pid, signal.SIGKILL)
    except OSError:
        return False
    return True


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
