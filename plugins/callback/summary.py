# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last line of a run."""

from __future__ import annotations

DOCUMENTATION = r"""
name: summary
type: notification
short_description: The last line of a run says how it ended
description:
  - Prints one line after Ansible's recap, what failed and why, or what became of the releases. Nothing follows it.
  - Before it stands what to do, with a link to the section of docs/operations.md, where that has one for the failure.
  - It says nothing where another stdout callback than V(default) or V(todo.cloud.brief) prints the results.
  - Text of others is masked and made printable.
  - It also imports the collection's filters once, which otherwise each process of the run does.
requirements:
  - to be enabled in C(ansible.cfg), as C(callbacks_enabled = todo.cloud.summary)
author: todo.cloud maintainers (@todo-app)
version_added: "0.1.0"
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from ansible import constants, context
from ansible.plugins.callback import CallbackBase
from ansible_collections.todo.cloud.plugins.module_utils.live_lines import gist
from ansible_collections.todo.cloud.plugins.module_utils.masking import masked
from ansible_collections.todo.cloud.plugins.module_utils.neutral import one_line, shortened
from ansible_collections.todo.cloud.plugins.plugin_utils.brief import SCREEN, wanted
from ansible_collections.todo.cloud.plugins.plugin_utils.filters import import_all
from ansible_collections.todo.cloud.plugins.plugin_utils.live import READABLE
from ansible_collections.todo.cloud.plugins.plugin_utils.remedies import Remedy, in_the_way, remedies

_NO_WORDS = (
    "",
    "non-zero return code",
    "The command exited with a non-zero return code",  # since ansible-core 2.21
    "MODULE FAILURE",
    "Task failed: Action failed: Unknown error",
)  # they need what the command itself said
# What Ansible says first about a task whose arguments or module failed.
_WRAPPING = re.compile(
    r"(?:Task failed: |(?:Module|Action) failed: |Finalization of task args for '[^']*' failed: "
    r"|Error while resolving value for '[^']*': )+(?=.)"
)
# An answer of the API server as the Python client shows it, in messages of kubernetes.core.
_CLIENT = re.compile(
    r"(?:Task failed: Module failed: )?\(?\b(?P<code>[345]\d\d)\)? Reason: (?P<reason>[\w ]{0,60}?)"
    r" HTTP response headers: (?P<rest>.*)$"
)
# No answer, as urllib3 shows it.
_NO_ANSWER = re.compile(
    r"(?:Task failed: Module failed: )?HTTPS?ConnectionPool\(host='(?P<host>[^']{1,255})', port=(?P<port>\d+)\): "
    r"Max retries exceeded with url: \S+ \(Caused by (?P<why>.*)$"
)
_NOT_WHY = re.compile(r"\s*\(_ssl\.c:\d+.*$|^.*\[(?:Errno|SSL)[^\]]*\] |[\s'\")]+$|^\w+\] ")
_MESSAGE = re.compile(r'"message": ?"((?:[^"\\]|\\.){1,2000})"')
_LONGEST = 600
_FEW = 120  # characters of a last line that is left as it is
_MANY = 160
_REMEDIES = 3
_NOTHING = "NOTHING DONE: no host of an inventory was matched (-i, --limit)"


class Ending:
    """Remembers failures by host, and the last result that was about releases."""

    def __init__(self) -> None:
        self._reason = shortly if wanted() else why
        self._failed: dict[str, str] = {}
        self._remedies: dict[str, list[Remedy]] = {}
        self._in_the_way: list[Remedy] = []  # of a plan
        self.of_all: set[str] = set()  # hosts whose failed task had run_once, so that it was not theirs alone
        self._releases = ""

    def failed(self, result: Any, ignored: bool = False) -> None:
        """A task failed on a host."""
        if not ignored:
            host = result.host.get_name()
            (self.of_all.add if result.task.run_once else self.of_all.discard)(host)
            name = str(result.task.get_name())
            name = name.rpartition(" : ")[2] if wanted() else name  # without its role, as a person saw it
            self._failed[host] = _named(result.result, name) + self._reason(result.result)
            self._remedies[host] = remedies(result.result)

    def unreachable(self, result: Any) -> None:
        """A host was out of reach."""
        self.of_all.discard(result.host.get_name())
        self._failed[result.host.get_name()] = f"out of reach: {self._reason(result.result)}"

    def ok(self, result: Any) -> None:
        """A task went well on a host."""
        self._releases = releases(result.result) or self._releases
        self._in_the_way = in_the_way(result.result) or self._in_the_way

    def tell(self, stats: Any, display: Callable[..., None]) -> None:
        """What to do, and the last line; a person's terminal breaks them between words."""
        lost = [host for host in sorted(stats.processed) if stats.failures.get(host) or stats.dark.get(host)]
        found = dict.fromkeys(remedy for host in lost for remedy in self._remedies.get(host, ()))
        for remedy in (list(found) or (self._in_the_way if lost else []))[:_REMEDIES]:
            for line in SCREEN.wrapped(f"What to do: {remedy}"):
                display(line)
        sentence = self._sentence(stats, lost)
        good, bad = sentence.startswith("OK"), sentence.startswith("FAILED")
        color = (constants.COLOR_OK if good else constants.COLOR_ERROR if bad else None) if wanted() else None
        for line in SCREEN.wrapped(sentence) if wanted() else [sentence]:
            display(line, color=color)

    def _sentence(self, stats: Any, lost: Collection[str]) -> str:
        failed = {host: text for host, text in self._failed.items() if host in lost}
        return last_line(failed, self._releases, self.of_all) if stats.processed else _nothing()


def _nothing() -> str:
    """Why no task was run, by the options that leave tasks out."""
    given = context.CLIARGS.get
    chosen = {"--tags": set(given("tags") or ()) - {"all"}, "--skip-tags": given("skip_tags"),
              "--start-at-task": given("start_at_task")}  # fmt: skip
    left_out = ", ".join(option for option, value in chosen.items() if value)
    return f"NOTHING DONE: no task was left by {left_out}" if left_out else _NOTHING


def _named(result: Mapping[str, Any], name: str) -> str:
    """The task, unless the message begins with the release that failed and that is enough."""
    about_releases = isinstance(result.get("failure"), Mapping) and isinstance(result.get("failures"), list)
    return "" if wanted() and about_releases and "censored" not in result else f"{name}: "


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible ships no type information
    """Prints the last line after Ansible's own recap, or after what the callback brief prints, and after all others."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "todo.cloud.summary"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._ending = Ending()

    def v2_playbook_on_start(self, playbook: Any) -> None:
        import_all()

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._ending.failed(result, ignore_errors)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._ending.unreachable(result)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._ending.ok(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        if constants.DEFAULT_STDOUT_CALLBACK in READABLE:
            self._ending.tell(stats, self._display.display)


def last_line(failed: Mapping[str, str], releases: str, of_all: Collection[str] = ()) -> str:
    """``failed``: task and reason by host; ``releases``: what became of them, empty where none was looked at.

    :param of_all: hosts whose name would mislead
    """
    if not failed:
        return f"OK: {releases or 'nothing failed'}"
    host, text = next(iter(failed.items()))
    others = set(failed.values()) - {text}
    more = f" (and {len(others)} more, see above)" if others else ""
    return f"FAILED{'' if host in of_all else f' on {host}'}: {text}{more}"


def why(result: Mapping[str, Any]) -> str:
    """The reason of a failed result on one line; of the first item that failed where it is a loop's."""
    found = result.get("results")
    listed = found if isinstance(found, (list, tuple)) else ()
    if items := [each for each in listed if isinstance(each, Mapping) and each.get("failed")]:
        return why(items[0])
    if "censored" in result:
        return "its output is hidden (no_log)"
    text = str(result.get("msg") or "").strip()
    if text.partition("\n")[0].rstrip(".") in _NO_WORDS:
        bare = f"exit code {result['rc']}" if "rc" in result else text or "it gives no reason"
        text = next(_words(result), bare)
    text = _NO_ANSWER.sub(_of_no_answer, _CLIENT.sub(_of_client, one_line(masked(text))))
    return shortened(_WRAPPING.sub("", text, count=1) if _WRAPPING.match(text) else text, limit=_LONGEST)


def _of_client(found: re.Match[str]) -> str:
    """Its code and message, without headers and traceback."""
    if found["code"] == "401":
        return "the API server does not accept the credentials (token expired or rejected)"
    message = _MESSAGE.search(found["rest"])
    return f"{found['code']} {found['reason']}{f': {message[1]}' if message else ''}"


def _of_no_answer(found: re.Match[str]) -> str:
    """Who does not answer, and why."""
    return f"{found['host']}:{found['port']} does not answer: {_NOT_WHY.sub('', found['why'].rpartition(': ')[2])}"


def reason(result: Mapping[str, Any]) -> str:
    """The same without the problems where there are several: a person was shown them, a line each."""
    if "censored" in result or len(problems(result.get("failure"))) < 2:
        return why(result)
    return shortened(one_line(masked(str(result.get("msg") or "").partition(": ")[0])), limit=_LONGEST)


def summed(result: Mapping[str, Any]) -> str:
    """The same with the first of the problems: the last line may be all that is read."""
    found = [] if "censored" in result else problems(result.get("failure"))
    if len(found) < 2:
        return why(result)
    first = ": ".join(str(found[0][key]) for key in ("release", "message") if found[0].get(key))
    return shortened(f"{reason(result)}; the first: {one_line(masked(first))}", limit=_LONGEST)


def shortly(result: Mapping[str, Any]) -> str:
    """The same in few words: a person was shown all of it. What is long loses what stands in brackets and what follows
    the first sentence, but says what was done about the failure.
    """
    text = summed(result)
    if len(text) <= _FEW or "censored" in result or len(problems(result.get("failure"))) > 1:
        return text
    listed = result.get("failures")
    first = listed[0] if isinstance(listed, (list, tuple)) and listed else None
    cause = one_line(masked(str(first.get("message") or ""))).rstrip(".") if isinstance(first, Mapping) else ""
    became = text.removeprefix(f"{cause}; ") if cause and text.startswith(f"{cause}; ") else ""
    said = gist(cause if became else text).partition(". ")[0]
    if len(said) > _MANY:
        said = f"{said[:_MANY].rpartition(' ')[0] or said[:_MANY]} …"
    done = re.split("[;:(]", became)[0].strip(" .")
    return f"{said}; {done}." if done else said


def problems(failure: Any) -> list[Mapping[str, Any]]:
    """What stands in the way, of a failure that is such a list."""
    details = failure.get("details") if isinstance(failure, Mapping) else None
    found = details.get("problems") if isinstance(details, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, (list, tuple)) else []


def _words(result: Mapping[str, Any]) -> Iterator[str]:
    """What a command said last."""
    for key in ("stderr", "module_stderr", "stdout", "module_stdout"):
        if lines := str(result.get(key) or "").strip().splitlines():
            yield f"{lines[-1]} (exit code {result['rc']})" if "rc" in result else lines[-1]


def releases(result: Mapping[str, Any]) -> str:
    """What became of the releases, by a result of release_apply, release_rollback or release_adopt; else empty."""
    rows, table = result.get("releases"), result.get("table")
    if not (
        isinstance(rows, list) and isinstance(table, list) and "set" in result and all("outcome" in r for r in rows)
    ):
        return ""
    if "preflight" in result:  # check mode: the table ends with its totals
        return str(table[-1]) if table else ""
    count = Counter(str(row["outcome"]) for row in rows)
    found = ", ".join(f"{count[outcome]} {outcome}" for outcome in sorted(count)) or "no releases"
    return f"{found}; release set {result['set']}" if result["set"] else found
