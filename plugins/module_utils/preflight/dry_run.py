# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks the API server what it would say to rendered objects and to their pods, by dry runs: validation, immutable
fields, rights, admission webhooks, Pod Security, quota, limits. Nothing is written.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Set
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from ..failure import Code, Failure
from ..helm.manifest import key_of
from ..helm.mistakes import READ_BACK, is_read_back, mistake_of
from ..helm.refusals import immutable_of, invalid_field, left_over, refusal_of
from ..kube.api import APPLY, KubeApi
from ..kube.deadline import Deadline
from ..kube.errors import Forbidden, KubeError, NotFound, Refused, Unauthorized, Unreachable
from ..kube.resources import NAMESPACE, POD, SERVICE, SERVICE_ACCOUNT, Resource
from ..readiness.daprd import CONTAINER, enabled
from ..readiness.rules import group_of
from ..readiness.symptoms import creation_failure
from ..readiness.templates import Object, Template, items, mapping
from .capacity import quantity
from .needs import PRIORITY_CLASS, RUNTIME_CLASS, Need, Provided, label_of
from .problem import Problem, words_of
from .shapes import is_named
from .surroundings import not_there

_HELM = "helm"  # Helm 4's field manager
_QUICK_SECONDS = 2.0  # for one dry run, with retries
_SECONDS = 12.0  # if there is no answer at all in that time: then it names the webhook, which has 10 s by default
_NO_DRY_RUN = re.compile(r"does not support dry run", re.IGNORECASE)
_ACCOUNT = re.compile(r"error looking up service account [^/\s]+/([^:\s]+):")
_CLASSES = {
    PRIORITY_CLASS: re.compile(r"no PriorityClass with name (\S+) was found"),
    RUNTIME_CLASS: re.compile(r'RuntimeClass "([^"]+)" not found'),
}
_QUOTED = re.compile(r"Invalid value: (?:\{.*?\}|\[.*?\]): |\n@@ .*", re.DOTALL)
_MAX_TEXT = 500
_CHANGE_IT = "change the chart or its values"
_PORT_TAKEN = re.compile(r"provided port is already allocated")
_QUOTA = re.compile(
    r"exceeded quota: (?P<quota>[^,]+), requested: (?P<requested>.*?), used: .*?, limited: (?P<limited>.*)"
)


class DryRuns:
    """Dry runs in one namespace. Threads may share it. ``name``: of the environment, for what belongs to no release;
    ``beside``: by release, kinds that its own objects define.

    A kind to which the API server had no answer once is not tried again.
    """

    def __init__(
        self,
        kube: KubeApi,
        namespace: str,
        provided: Provided,
        name: str = "",
        beside: Mapping[str, Set[tuple[str, str]]] = MappingProxyType({}),
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._provided = provided
        self._name = name or namespace
        self._beside = beside
        self._unanswered: set[Resource] = set()
        self._refused_workloads: set[tuple[str, str]] = set()
        self._slow = False  # it answers, but later than usual
        self._webhooks: dict[str, Problem] = {}  # that cannot be called, by name

    def problems(self, release: str, item: dict[str, Any]) -> list[Problem]:
        """What the API server has against an object of a release."""
        kind, own, name = key_of(item)
        label, version = label_of(item), str(item.get("apiVersion") or "")
        if not is_named(item) or not kind or not version or self._is_waiting(own):
            return []
        try:
            resource = self._kube.resource(version, kind)
        except NotFound:
            if (group_of(item), kind) in self._beside.get(release, ()):
                message = f"{label}'s kind is defined beside it, and Helm looks for it before it creates anything"
                remedy = "put the CustomResourceDefinition into the chart's folder crds/, or into a release before"
                return [Problem(release, Code.NOT_FOUND, message, remedy)]
            if (group_of(item), kind) in self._provided.kinds:
                return []
            remedy = "install what defines it (its CRDs, or a newer cluster), or leave the object out"
            return [Problem(release, Code.NOT_FOUND, f"the cluster does not serve {label}'s kind ({version})", remedy)]
        where = (own or self._namespace) if resource.namespaced else ""
        if resource in self._unanswered:
            return []

        def patch(deadline: Deadline) -> Object:
            return self._kube.patch(
                resource, where, name, item, content_type=APPLY, field_manager=_HELM, force=True, dry_run=True,
                deadline=deadline,
            )  # fmt: skip

        try:
            self._answer(patch, resource)
        except NotFound:
            return [Problem(release, Code.NOT_FOUND, f"{label}: there is no namespace {where!r}", "create it")]
        except Forbidden:
            return [no_right(release, resource, where)]
        except Refused as exc:
            return self._refused(release, item, resource, where, exc)
        except KubeError as exc:
            self._raise_if_cut_off(exc)
            if mistake := mistake_of(release, _text(exc)):  # an internal error to it
                return [_mistaken(release, mistake)]
            return [self._webhook(exc, resource) or _unknown(release, label, exc)]
        return []

    def _answer(self, call: Callable[[Deadline], Object], resource: Resource) -> Object:
        """What the API server says, after one more call where it was silent and none has waited for it yet."""
        try:
            try:
                return call(Deadline.after(_SECONDS if self._slow else _QUICK_SECONDS))
            except Unreachable as exc:
                if exc.status or self._unanswered or self._slow:
                    raise
            answer = call(Deadline.after(_SECONDS))
            self._slow = True
            return answer
        except Unreachable:
            self._unanswered.add(resource)
            raise

    def _raise_if_cut_off(self, exc: KubeError) -> None:
        """Raises it when nothing more can be asked: no response at all, to anything. An internal error is one, and who
        waits for a webhook may get none.
        """
        if isinstance(exc, Unauthorized):
            raise exc
        if isinstance(exc, Unreachable) and not exc.status:
            with suppress(Forbidden, NotFound):
                self._kube.get(NAMESPACE, "", self._namespace, metadata_only=True, deadline=Deadline.after(_SECONDS))

    def _webhook(self, exc: KubeError, resource: Resource) -> Problem | None:
        """An admission webhook that can't be called, by its name if that is known; it may be back in time."""
        found = refusal_of(self._name, self._namespace, _text(exc))
        webhook = ""
        if found and found[0].code is Code.WEBHOOK_DOWN:
            message, remedy = words_of(found[0], self._name)
            webhook = str(found[0].details["webhook"])
        elif isinstance(exc, Unreachable) and not exc.status:
            message = f"the API server answers, but not in time when it tries {resource.label}: a webhook that hangs?"
            remedy = "look at those of kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"
        else:
            return None
        known = [] if webhook else list(self._webhooks.values())  # the one that hangs was named
        first = Problem(self._name, Code.WEBHOOK_DOWN, message, remedy, certain=False)
        return known[0] if known else self._webhooks.setdefault(webhook, first)

    def _refused(
        self, release: str, item: Mapping[str, Any], resource: Resource, where: str, exc: Refused
    ) -> list[Problem]:
        text, label = _text(exc), label_of(item)
        if _NO_DRY_RUN.search(text):
            return []
        if immutable := immutable_of(where, text):
            return [Problem(release, Code.IMMUTABLE_FIELD, str(immutable), immutable.remedy)]
        if resource == SERVICE and _PORT_TAKEN.search(text):
            message = f"{label} asks for a node port that another Service has ({text})"
            return [Problem(release, Code.CONFLICT, message, "name another port, or none")]
        live = self._kube.find(resource, where, key_of(item)[2], deadline=Deadline.after(_SECONDS))
        # Helm 3 merges in another way than by server-side apply, which may leave out what was refused here.
        certain = live is None or _is_applied(live)
        if certain:
            self._refused_workloads.add((release, label))
        if mistake := mistake_of(release, text):
            return [_mistaken(release, mistake, certain=certain)]
        remedy = left_over(where, text) or _CHANGE_IT
        if is_read_back(text):
            message, _to_do, remedy = f"{label} {READ_BACK}".partition(". To do: ")
        elif resource.kind == "Secret":  # the server's words may hold what is in it
            field = invalid_field(text)
            message = f"{label} is refused: " + (f"its {field} is not valid" if field else "it is not valid")
        else:
            message = f"{label} is refused: {_short(text)}"
        return [Problem(release, Code.REFUSED, message, remedy, certain)]

    def pod(self, release: str, template: Template) -> tuple[list[Problem], Object | None]:
        """What the API server has against a pod of a workload; the pod as it would be, sidecars included."""
        if self._is_waiting(template.namespace):
            return [], None
        body = template.pod(f"{template.owner.partition(' ')[2][:200]}-{secrets.token_hex(4)}")
        spec = body["spec"]
        if self._brings("ServiceAccount", template.namespace, spec.get("serviceAccountName")):
            spec.pop("serviceAccountName")
            spec.pop("serviceAccount", None)
        if self._brings(PRIORITY_CLASS, "", spec.get("priorityClassName")):
            spec.pop("priorityClassName")
        if self._brings(RUNTIME_CLASS, "", spec.get("runtimeClassName")):
            spec.pop("runtimeClassName")
        if POD in self._unanswered:
            return [], None

        def create(deadline: Deadline) -> Object:
            return self._kube.create(POD, template.namespace, body, dry_run=True, deadline=deadline)

        try:
            return [], self._answer(create, POD)
        except Refused as exc:
            told = (release, template.owner) in self._refused_workloads
            refused = _pod_refused(release, template.owner, _text(exc))
            return [each for each in refused if not (told and each.code is Code.REFUSED)], None
        except KubeError as exc:
            self._raise_if_cut_off(exc)
            if webhook := self._webhook(exc, POD):
                return [webhook], None
            return [], None  # rights for workloads are enough to deploy: those for pods are asked of nobody

    def _brings(self, kind: str, namespace: str, name: object) -> bool:
        return bool(name) and (kind, namespace, str(name)) in self._provided.objects

    def _is_waiting(self, namespace: str) -> bool:
        """Whether a namespace is yet to be made by this run."""
        return any(kind == "Namespace" and name == namespace for kind, _own, name in self._provided.objects)


def without_sidecar(release: str, template: Template, pod: Object) -> list[Problem]:
    """Pods that ask for Dapr's sidecar and would not get one. Its injector may be back in time."""
    spec = mapping(pod.get("spec"))
    there = [c.get("name") for field in ("containers", "initContainers") for c in items(spec.get(field))]
    if not enabled(template.annotations) or CONTAINER in there:
        return []
    message = f"pods of {template.owner} ask for Dapr's sidecar and would get none, since Dapr's injector adds none"
    remedy = "install Dapr, or look whether its injector runs (kubectl get pods -A -l app=dapr-sidecar-injector)"
    return [Problem(release, Code.SIDECAR_MISSING, message, remedy, certain=False)]


def is_port_taken(problem: Problem) -> bool:
    """Whether it is about a node port that a Service of the cluster has; without that Service's name."""
    return problem.code is Code.CONFLICT and bool(_PORT_TAKEN.search(problem.message))


def _is_applied(live: Object) -> bool:
    fields = items(mapping(live.get("metadata")).get("managedFields"))
    return any(each.get("manager") == _HELM and each.get("operation") == "Apply" for each in fields)


def _pod_refused(release: str, owner: str, text: str) -> list[Problem]:
    if _NO_DRY_RUN.search(text):
        return []
    if found := _ACCOUNT.search(text):
        return [not_there(release, Need(SERVICE_ACCOUNT.kind, found[1], "", owner))]
    for kind, pattern in _CLASSES.items():
        if found := pattern.search(text):
            return [not_there(release, Need(kind, found[1], "", owner))]
    if found := _QUOTA.search(text):
        remedy = f"raise quota {found['quota']}, or ask for less"
        too_much = _exceeds(found["requested"], found["limited"])
        message = f"{owner}: a pod more exceeds quota {found['quota']} ({found['requested']} of {found['limited']})"
        # What is used may become free while old pods go.
        return [Problem(release, Code.QUOTA_EXCEEDED, message, remedy, certain=too_much)]
    denied = creation_failure(text) is Code.ADMISSION_DENIED
    code = Code.ADMISSION_DENIED if denied else Code.REFUSED
    remedy = "change the pods, or what refuses them"
    if "violates PodSecurity" in text:
        remedy = "change the pods, or set environment_pod_security to {enforce: baseline} (root needs that)"
    elif "images from elsewhere than" in text:  # charts/environment says so
        remedy = "use an image of these, or add its registry to environment_registries"
    return [Problem(release, code, f"pods of {owner} are refused: {_short(text)}", remedy)]


def _exceeds(requested: str, limited: str) -> bool:
    """Whether one pod asks for more than a quota allows in all, whatever is used (``cpu=2,pods=1``)."""
    limits = dict(part.partition("=")[::2] for part in limited.split(","))
    wanted = (part.partition("=")[::2] for part in requested.split(","))
    return any(name in limits and quantity(value) > quantity(limits[name]) for name, value in wanted)


def no_right(release: str, resource: Resource, namespace: str) -> Problem:
    """The credentials may not write a kind."""
    where = f" in namespace {namespace}" if namespace else ""
    message = f"the credentials may not write {resource.label}{where}"
    return Problem(release, Code.FORBIDDEN, message, "give them the verbs get, create, patch and delete for it")


def _mistaken(release: str, mistake: Failure, *, certain: bool = True) -> Problem:
    message, remedy = words_of(mistake, release)
    return Problem(release, Code.REFUSED, message, remedy or _CHANGE_IT, certain)


def _unknown(release: str, label: str, exc: KubeError) -> Problem:
    message = f"{label} could not be tried: {exc.failure.message.rstrip('.')}"
    return Problem(release, exc.failure.code, message, "look at what the API server says", certain=False)


def _short(text: str) -> str:
    """On one line, without the whole objects that the API server may quote."""
    line = " ".join(_QUOTED.sub("", text).split())
    return line if len(line) <= _MAX_TEXT else f"{line[:_MAX_TEXT]}…"


def _text(exc: KubeError) -> str:
    """The API server's own words."""
    return str(exc.failure.details.get("api_message") or exc.failure.message).rstrip(".")
