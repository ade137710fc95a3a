# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for kinds whose status the conventions do not read: their form, their checks, and which one counts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..failure import Code, TodoCloudError, error
from .conventions import conditions, kstatus, not_observed
from .fields import Object
from .rule import Rule, expression
from .status import State, Status

# Groups of the API server itself: what they say is known, and many of their kinds say nothing.
BUILT_IN = frozenset({
    "", "apps", "autoscaling", "batch", "extensions", "policy",
    *(f"{name}.k8s.io" for name in (
        "admissionregistration", "apiextensions", "apiregistration", "authentication", "authorization", "certificates",
        "coordination", "discovery", "events", "flowcontrol.apiserver", "internal.apiserver", "networking", "node",
        "rbac.authorization", "resource", "scheduling", "storage", "storagemigration",
    )),
})  # fmt: skip
_KEY = re.compile(r"^((\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?(\*|[A-Za-z][A-Za-z0-9]*)$")


@dataclass(frozen=True)
class Rules:
    """Rules by kind: the user's own before the built-in ones.

    A key is ``group/Kind``; ``*`` stands for every kind of a group, ``*.example.org`` for every group below it.
    """

    own: Mapping[str, Rule] = field(default_factory=dict)

    @classmethod
    def from_option(cls, option: Any) -> Rules:
        """From the option ``readiness_rules``. Raises ``invalid_input`` for what is not a rule."""
        if not option:
            return cls()
        if not isinstance(option, Mapping):
            raise _malformed("readiness_rules", "is not a map of kinds")
        return cls({str(key): _rule(str(key), value) for key, value in option.items()})

    def of(self, group: str, kind: str) -> Rule:
        """The rule for a kind; an empty one leaves it to the conventions."""
        return self._find(group, kind)[0]

    def _find(self, group: str, kind: str) -> tuple[Rule, bool]:
        from .custom_resources import TABLE  # read when the first custom resource is met: most runs meet none

        for table in (self.own, TABLE):
            for key in _keys(group, kind):
                if key in table:
                    return table[key], table is self.own
        return Rule(), False

    def status_of(self, obj: Object, *, reports: bool = True) -> Status:
        """Status of a custom resource, by its rule or by the conventions; ``reports``: see :meth:`Rule.status_of`."""
        group, kind = group_of(obj), str(obj.get("kind", ""))
        rule, own = self._find(group, kind)
        found = None if own or not_observed(obj, conditions(obj)) else kstatus(obj)
        found = found or rule.status_of(obj, reports=reports and group not in BUILT_IN)
        return replace(found, grace="resource_failed") if found.state is State.FAILED else found

    def is_silent(self, group: str, kind: str, *, reports: bool) -> bool:
        """Whether a kind says nothing: there is no need to look at its objects."""
        rule = self.of(group, kind)
        return rule.no_status or not (reports or rule.ready or rule.failed or rule.progressing)


DEFAULT_RULES = Rules()


def group_of(obj: Object) -> str:
    """API group of an object, empty for the core group."""
    return str(obj.get("apiVersion", "")).rpartition("/")[0]


def is_custom(obj: Object) -> bool:
    """True for an object of a group that the API server itself does not serve."""
    return group_of(obj) not in BUILT_IN


def _keys(group: str, kind: str) -> Iterator[str]:
    """Keys of a table that stand for a kind, the most specific first."""
    yield f"{group}/{kind}" if group else kind
    yield f"{group}/*"
    rest = group
    while "." in rest:
        rest = rest.partition(".")[2]
        yield f"*.{rest}/{kind}"
        yield f"*.{rest}/*"


def _rule(key: str, value: Any) -> Rule:
    where = f"readiness_rules.{key}"
    if not _KEY.match(key):
        raise _malformed(where, "is not a kind: write group/Kind, as in postgresql.cnpg.io/Cluster")
    if not isinstance(value, Mapping):
        raise _malformed(where, "is not a map of expressions")
    known = {one.name for one in fields(Rule)}
    if unknown := sorted(str(name) for name in value if name not in known):
        raise _malformed(where, f"has no key {unknown[0]!r}; the keys are: {', '.join(sorted(known))}")
    for name, given in value.items():
        if not isinstance(given, bool if name == "no_status" else str):
            raise _malformed(f"{where}.{name}", "is not true or false" if name == "no_status" else "is not text")
        if given and name not in ("no_status", "source"):
            try:
                expression(given)
            except TodoCloudError as exc:
                raise error(exc.failure.code, f"{where}.{name}: {exc.failure.message}", option=where) from exc
    if not any(value.values()):
        raise _malformed(where, "says nothing: give at least one of ready, failed, progressing, suspended, no_status")
    return Rule(**value)


def _malformed(where: str, what: str) -> TodoCloudError:
    return error(Code.INVALID_INPUT, f"{where} {what}.", option="readiness_rules")
