# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hooks of Helm charts: a Job with a service's image is its migration; what becomes of the others is named. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..helm.manifest import hook_of, hooks_of
from ..parsing import quoted
from .convert_pod import full_image
from .convert_source import Notes, Object, each, part, template_of, title_of

_BEFORE, _AFTER = {"pre-install", "pre-upgrade"}, {"post-install", "post-upgrade"}
_LONGEST_SECONDS = 86400


def hooks_said(hooks: Iterable[Object], services: dict[str, dict[str, Any]], notes: Notes) -> None:
    """Adds ``migrations`` to entries, and says what no entry does."""
    for item in hooks:
        when, title = hooks_of(item), f"{title_of(item)} is a hook ({', '.join(sorted(hooks_of(item)))})"
        if not when:
            unknown = f"{title_of(item)}: Helm knows no hook {quoted(hook_of(item))}, and makes nothing of it"
            notes.say(f"{unknown}; correct or remove its helm.sh/hook.")
            continue
        if item.get("kind") != "Job" or not when & (_BEFORE | _AFTER):
            notes.say(f"{title}: {_why(when)}.")
            continue
        container, *more = each(part(template_of(item), "spec"), "containers") or [{}]
        name = _service(str(container.get("image", "")), services)
        command = [*(container.get("command") or ()), *(container.get("args") or ())]
        if not name or more or not container.get("command"):
            why = (
                "no service has its image"
                if not name
                else "its image says what it runs"
                if not more
                else "two run in it"
            )
            notes.say(f"{title}: {why}; say what it does with `migrations` of a service.")
            continue
        if "migrations" in services[name]:
            notes.say(f"{title}: {name} has migrations already; run both by one command.")
            continue
        services[name]["migrations"] = _migrations(item, container, [str(word) for word in command], services[name])
        if missing := _missing(container, services[name]):
            notes.say(f"{title}: as migrations of {name} it lacks {', '.join(missing)}; give them to {name}.")


def _why(when: set[str]) -> str:
    if when & {"test", "test-success"}:
        return "each deployment is verified, and site.yml asks the public endpoint; nothing else is run"
    if when & (_BEFORE | _AFTER):
        return "keep it in `manifests` of an entry before the service"
    return "nothing runs when a service is removed or taken back"


def _service(image: str, services: Mapping[str, Mapping[str, Any]]) -> str:
    """The only service of an image, whatever its tag."""
    found = [name for name, entry in services.items() if _repository(str(entry.get("image"))) == _repository(image)]
    return found[0] if len(found) == 1 else ""


def _repository(image: str) -> str:
    whole = full_image(image).partition("@")[0]
    return whole[: whole.rindex(":")] if ":" in whole.rpartition("/")[2] else whole


def _migrations(item: Object, container: Object, command: list[str], entry: Mapping[str, Any]) -> Any:
    found: dict[str, Any] = {"command": command}
    if full_image(str(container.get("image"))) != entry.get("image"):
        found["image"] = full_image(str(container.get("image")))
    if not hooks_of(item) & _BEFORE:
        found["when"] = "after"
    seconds = part(item, "spec").get("activeDeadlineSeconds")
    if isinstance(seconds, int) and 0 < seconds <= _LONGEST_SECONDS:
        found["timeout"] = seconds
    return command if set(found) == {"command"} else found


def _missing(container: Object, entry: Mapping[str, Any]) -> list[str]:
    """Variables of a hook that its service has not."""
    known = {*(entry.get("env") or {}), *(entry.get("secrets") or {})}
    return sorted({str(one.get("name")) for one in each(container, "env")} - known)
