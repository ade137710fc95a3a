# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compares what a namespace is about to get (Pod Security, quota, limits, policies) with the pods that run in it.

Nothing is written. What is not tightened, and a namespace without running pods, costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..failure import Code, TodoCloudError, error
from ..helm.manifest import key_of, objects_of
from ..helm.program import ApplyRequest, Helm
from ..helm.storage import HelmReader
from ..helm.stored import StoredRelease
from ..kube.api import KubeApi
from ..kube.errors import Forbidden, NotFound
from ..kube.resources import INGRESS, NAMESPACE, POD, PVC, RESOURCE_QUOTA, SERVICE, Resource
from ..labels import OWNER_NAMESPACE, OWNER_RELEASE
from ..readiness.daprd import living
from ..readiness.fields import Object, labels, name, spec
from .connections import Surroundings, described, policy_findings, public_services, services_by_host
from .findings import ADMISSION, ADVICE, NAMESPACE_POD_SECURITY, POD_SECURITY, POLICIES, Finding
from .pod_rules import RULES, admission_findings, rules_of, same_rules
from .pod_security import ENFORCE, is_stricter, level_of, violations
from .quota import limit_findings, quota_findings

_POLICY = Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
_LIMIT_RANGE = Resource("v1", "LimitRange", "limitranges")
_API = "admissionregistration.k8s.io/v1"
_ADMISSION = Resource(_API, "ValidatingAdmissionPolicy", "validatingadmissionpolicies", namespaced=False)
_BINDING = Resource(_API, "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", namespaced=False)
_ROUTE = Resource("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")
_SHOWN = 8


@dataclass(frozen=True)
class Wanted:
    """What a namespace is about to get. ``pod_security``: labels; ``release``: of charts/environment, if there is one.

    ``audit``: the policies are compared and shown, not applied.
    """

    namespace: str
    pod_security: Mapping[str, str] = field(default_factory=dict)
    release: str = ""
    chart: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    audit: bool = False


@dataclass
class Comparison:
    """``refused`` would hit running pods; ``audited`` would, if the policies were applied. ``lines``: for people.

    ``lost``: network policies of deployed releases that somebody deleted. They come back before those that deny.
    """

    namespace: str
    refused: list[Finding] = field(default_factory=list)
    audited: list[Finding] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    lost: list[dict[str, Any]] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "refused": [each.as_result() for each in self.refused],
            "audited": [each.as_result() for each in self.audited],
            "lost": self.lost,
            "lines": [*self.lines, *(f"refused: {each}" for each in self.refused)],
        }

    def failure(self) -> TodoCloudError | None:
        """What ends the run before anything is written."""
        if not self.refused:
            return None
        shown = "; ".join(map(str, self.refused[:_SHOWN]))
        more = f"; and {len(self.refused) - _SHOWN} more" if len(self.refused) > _SHOWN else ""
        variables = dict.fromkeys(each.variable for each in self.refused)
        advice = "; ".join(f"{variable}: {ADVICE[variable]}" for variable in variables)
        text = (
            f"Pods that run in namespace {self.namespace} would be hit: {shown}{more}. Nothing was written. {advice}."
        )
        found = error(Code.TIGHTENING_REFUSED, text, namespace=self.namespace)
        found.results = self.as_result()
        return found


def compare(kube: KubeApi, helm: Helm, wanted: Wanted) -> Comparison:
    """Raises what the API server or Helm raises when they can't answer: then nothing may be tightened."""
    found = Comparison(wanted.namespace)
    there = kube.find(NAMESPACE, "", wanted.namespace, metadata_only=True)
    pods = [pod for pod in kube.list_(POD, wanted.namespace)[0] if living(pod)] if there else []
    if not there or not pods:
        return found
    if ENFORCE in wanted.pod_security and is_stricter(level_of(wanted.pod_security), level_of(labels(there))):
        variable = POD_SECURITY if wanted.release else NAMESPACE_POD_SECURITY
        found.refused += violations(kube, wanted.namespace, wanted.pod_security, variable)
    if wanted.release:
        _compare_release(kube, helm, wanted, pods, found)
    return found


def _compare_release(kube: KubeApi, helm: Helm, wanted: Wanted, pods: Sequence[Object], found: Comparison) -> None:
    request = ApplyRequest(wanted.release, wanted.namespace, wanted.chart, wanted.values)
    objects = objects_of(helm.template(request))
    quotas, limits = _of_kind(objects, "ResourceQuota"), _of_kind(objects, "LimitRange")
    if quotas or limits:
        live = {name(each): each for each in kube.list_(_LIMIT_RANGE, wanted.namespace)[0]}
        bounds = spec(limits[0]) if limits else next((spec(each) for each in live.values()), {})
        for each in limits:
            found.refused += limit_findings(spec(each), spec(live.get(name(each)) or {}), pods)
        found.refused += _quotas(kube, wanted.namespace, quotas, bounds, pods)
    found.refused += _admission(kube, objects, pods, spec(limits[0]) if limits else {}, found.lines)
    found_policies = list(_policies(kube, wanted, _of_kind(objects, "NetworkPolicy"), pods, found))
    (found.audited if wanted.audit else found.refused).extend(found_policies)
    if wanted.audit:
        found.lines += [f"{POLICIES} audit, not applied: {each}" for each in found_policies]


def _admission(
    kube: KubeApi, objects: Sequence[Object], pods: Sequence[Object], bounds: Object, lines: list[str]
) -> Iterator[Finding]:
    """Pods that the admission policy would not let come back. One that only warns goes to ``lines``."""
    for policy in _of_kind(objects, _ADMISSION.kind):
        bindings = [each for each in _of_kind(objects, _BINDING.kind) if name(each) == name(policy)]
        if RULES not in (policy["metadata"].get("annotations") or {}):
            continue  # of the accounts: it is about writers, not about pods
        denies = any("Deny" in (spec(each).get("validationActions") or ()) for each in bindings)
        found = admission_findings(rules_of(policy), pods, bounds)
        if not denies:
            lines += [f"{ADMISSION} warn, not refused: {each}" for each in found]
        elif not _is_denied_already(kube, policy):
            yield from found


def _is_denied_already(kube: KubeApi, policy: Object) -> bool:
    """Whether the same is refused already, as far as that may be read."""
    try:
        live, binding = (kube.find(each, "", name(policy)) for each in (_ADMISSION, _BINDING))
    except Forbidden:
        return False
    return same_rules(live, policy) and "Deny" in (spec(binding or {}).get("validationActions") or ())


def _quotas(
    kube: KubeApi, namespace: str, quotas: Sequence[Object], bounds: Object, pods: Sequence[Object]
) -> Iterator[Finding]:
    live = {name(each): spec(each).get("hard") or {} for each in kube.list_(RESOURCE_QUOTA, namespace)[0]}
    changed = [each for each in quotas if spec(each).get("hard") != live.get(name(each))]
    if not changed:
        return
    services = kube.list_(SERVICE, namespace)[0]
    balancers = sum(spec(each).get("type") == "LoadBalancer" for each in services)
    counts = {
        "services": len(services),
        "services.loadbalancers": balancers,
        "services.nodeports": balancers + sum(spec(each).get("type") == "NodePort" for each in services),
        "persistentvolumeclaims": len(kube.list_(PVC, namespace, metadata_only=True)[0]),
    }
    for each in changed:
        yield from quota_findings(spec(each).get("hard") or {}, live.get(name(each), {}), bounds, pods, counts)


def _policies(
    kube: KubeApi, wanted: Wanted, rendered: Sequence[Object], pods: Sequence[Object], found: Comparison
) -> Iterator[Finding]:
    if not rendered:
        return
    before = kube.list_(_POLICY, wanted.namespace)[0]
    own = [each for each in before if _annotation(each) == wanted.release]
    if not wanted.audit and {name(e): spec(e) for e in own} == {name(e): spec(e) for e in rendered}:
        return
    found.lost = [] if wanted.audit else list(_lost(kube, wanted, {name(each) for each in before}))
    if found.lost:
        names = ", ".join(sorted(name(each) for each in found.lost))
        found.lines.append(f"{POLICIES}: deleted by somebody, and put back: {names}")
    before = [*before, *found.lost]  # whoever deleted them has opened more than anybody asked for
    after = [*(each for each in before if each not in own), *rendered]
    services = kube.list_(SERVICE, wanted.namespace)[0]
    routes = [*_list(kube, INGRESS, wanted.namespace), *_list(kube, _ROUTE, wanted.namespace)]
    around = Surroundings(wanted.namespace, pods, services, public_services(routes), services_by_host(routes))
    if wanted.audit:
        found.lines += [f"{POLICIES} audit: {line}" for line in described(after, around)]
    yield from dict.fromkeys(policy_findings(before, after, around))


def _lost(kube: KubeApi, wanted: Wanted, there: set[str]) -> Iterator[dict[str, Any]]:
    """Network policies of the namespace's releases that are not there, as Helm makes them.

    What is stored may be anything: the API server is asked whether it would take them.
    """
    for stored in HelmReader(kube, wanted.namespace).newest():
        items: list[Object] = []
        with suppress(TodoCloudError):
            items = _of_kind(objects_of(stored.manifest), "NetworkPolicy") if stored.name != wanted.release else []
        for item in items:
            _kind, where, called = key_of(item)
            if called and called not in there and where in ("", wanted.namespace):
                made = _as_helm_makes_it(item, stored)
                with suppress(TodoCloudError):
                    kube.create(_POLICY, wanted.namespace, made, dry_run=True)
                    yield made


def _as_helm_makes_it(item: Object, stored: StoredRelease) -> dict[str, Any]:
    meta = item["metadata"]
    owner = {OWNER_RELEASE: stored.name, OWNER_NAMESPACE: stored.namespace}
    ours = {
        "namespace": stored.namespace,
        "annotations": {**(meta.get("annotations") or {}), **owner},
        "labels": {**(meta.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"},
    }
    return {**item, "metadata": {**meta, **ours}}


def _list(kube: KubeApi, resource: Resource, namespace: str) -> Sequence[Object]:
    """What is public; a kind that is not there, or that may not be read, leads nowhere that is known."""
    try:
        return kube.list_(resource, namespace)[0]
    except (NotFound, Forbidden):
        return []


def _of_kind(objects: Sequence[Object], kind: str) -> list[Object]:
    return [each for each in objects if each.get("kind") == kind]


def _annotation(item: Object) -> str:
    return str((item["metadata"].get("annotations") or {}).get(OWNER_RELEASE, ""))
