# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the cluster refuses to Helm, with what to do about it: webhooks that cannot be called, fields that cannot be
changed, APIs that are not served.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..failure import Code, Failure

_REASON = 200  # characters
# k8s.io/apiserver, pkg/admission/plugin/webhook
_WEBHOOK = re.compile(r'failed calling webhook "([^"]+)": (?:failed to call webhook: )?(.+)', re.DOTALL)
# k8s.io/apiextensions-apiserver, pkg/apiserver/conversion
_CONVERSION = re.compile(r"conversion webhook for ([^\s,]+), Kind=(\w+) failed: (.+)", re.DOTALL)
_SERVICE = re.compile(r'"https://([^./"]+)\.([^./"]+)\.svc[.:/]')
_WHY = (
    (
        re.compile(r"x509: |tls: "),
        "its certificate is not trusted",
        "the caBundle of its configuration has to be the authority that signed {server}'s certificate; cert-manager's "
        "cainjector or the chart's certificate Job may not be done, otherwise install it again",
    ),
    (
        re.compile(r'service "[^"]+" not found'),
        "its Service does not exist",
        "install it again, or delete its configuration if it is gone for good",
    ),
    (
        re.compile(r"no endpoints available|connection refused|no route to host|\bEOF\b|connection reset"),
        "nothing answers there",
        "{why}, or delete its configuration if it is gone for good",
    ),
    (
        re.compile(r"deadline exceeded|timeout", re.IGNORECASE),
        "it did not answer in time",
        "{why}",
    ),
)
_HOOK_CONFIGURATIONS = "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"

_INVALID = re.compile(r'\b(\w{1,63})(?:\.[\w.-]{1,253})? "([^"]{1,253})" is invalid: (.*)', re.DOTALL)
_IMMUTABLE = re.compile(
    r"\bis immutable\b|updates to .{1,60} are forbidden|updates to \w+ spec for fields other than"
    r"|updates may not change fields|cannot change roleRef|may not be changed|cannot be changed|can't be changed"
    r"|may not change once set"
)
_FIELD = re.compile(r"^\[?((?:[\w.]|\[[^\]]{1,253}\])+): ")
_WHAT_TO_DO = {
    "Job": "delete it, so that it runs again: {delete}",
    "StatefulSet": "delete it and leave its pods and claims: {delete} --cascade=orphan",
    "PersistentVolumeClaim": "keep the old value, or copy the data to a claim of another name (deleting it loses them)",
    "ConfigMap": "give it another name whenever its content changes, or delete it: {delete}",
    "Secret": "give it another name whenever its content changes, or delete it: {delete}",
    "Deployment": "keep the old value, or delete it, which is an outage: {delete}",
    "DaemonSet": "keep the old value, or delete it, which is an outage: {delete}",
}
_ANY_KIND = "keep the old value, or delete it with all that it holds, so that it is made anew: {delete}"

# What a chart no longer says stays where Kubernetes has set it by itself, and then there are two.
_LEFT_OVER = (
    (
        re.compile(r"strategy\.rollingUpdate: Forbidden: may not be specified when"),
        "take away Kubernetes' own default once: kubectl {where}patch {kind} {name} --type merge -p "
        """'{{"spec":{{"strategy":{{"type":"Recreate","rollingUpdate":null}}}}}}'""",
    ),
    (
        re.compile(r"may not specify more than 1 (?:handler|volume) type"),
        "set the one that is not meant to null: a default of the chart's values, or of Kubernetes, stays otherwise",
    ),
)

_NO_MATCH = re.compile(r'no matches for kind "([^"]+)" in version "([^"]+)"')
_STORED = "from current release manifest"


def refusal_of(release: str, namespace: str, text: str) -> tuple[Failure, bool] | None:
    """The failure that Helm's text tells of, and whether a retry may succeed."""
    for found, transient in _found(release, namespace or "NAMESPACE", text):
        return found, transient
    return None


def _found(release: str, namespace: str, text: str) -> Iterator[tuple[Failure, bool]]:
    if webhook := _WEBHOOK.search(text):
        yield _webhook(release, webhook[1], webhook[2]), True
    if webhook := _CONVERSION.search(text):
        yield _conversion(release, *webhook.groups()), True
    if found := immutable_of(namespace, text):
        yield _immutable(release, found), False
    if (remedy := left_over(namespace, text)) and (invalid := _INVALID.search(text)):
        message = f"{release}: {invalid[1]} {invalid[2]} is refused: {_last(invalid[3])}. To do: {remedy}."
        yield Failure(Code.CHART_INVALID, message, {"release": release, "kind": invalid[1], "name": invalid[2]}), False
    if kind := _NO_MATCH.search(text):
        yield _not_served(release, namespace, kind[1], kind[2], stored=_STORED in text), False


def _webhook(release: str, name: str, reason: str) -> Failure:
    what, remedy = _why(reason)
    message = (
        f"{release}: the admission webhook {name} cannot be called: {what}. To do: {remedy} ({_HOOK_CONFIGURATIONS})."
    )
    return Failure(Code.WEBHOOK_DOWN, message, {"release": release, "webhook": name, "reason": reason[:_REASON]})


def _conversion(release: str, api_version: str, kind: str, reason: str) -> Failure:
    what, remedy = _why(reason)
    remedy = remedy.partition(", or delete")[0]  # that would delete all objects of the kind
    message = (
        f"{release}: the conversion webhook of {kind} ({api_version}) cannot be called: {what}. To do: {remedy} "
        "(spec.conversion of its CustomResourceDefinition names it)."
    )
    return Failure(Code.WEBHOOK_DOWN, message, {"release": release, "webhook": kind, "reason": reason[:_REASON]})


def _why(reason: str) -> tuple[str, str]:
    """Why a webhook cannot be called, and what to do about it."""
    service, end = _SERVICE.search(reason), _last(reason)
    server = f"Service {service[1]} in {service[2]}" if service else "its server"
    what, remedy = next(
        ((what, remedy) for pattern, what, remedy in _WHY if pattern.search(end)),
        ("it failed", "{why}"),
    )
    where = f" (kubectl get pods,endpointslices,events --namespace {service[2]})" if service else ""
    return f"{what} ({server}: {end})", remedy.format(server=server, why=f"find out why{where}")


@dataclass(frozen=True)
class Immutable:
    """A field that cannot be changed. ``rest``: what the API server says of it, which may hold values."""

    kind: str
    name: str
    field: str
    remedy: str
    rest: str

    def __str__(self) -> str:
        return f"{self.field} of {self.kind} {self.name} cannot be changed once it exists"


def immutable_of(namespace: str, text: str) -> Immutable | None:
    """The field that cannot be changed, of which the API server's text tells. ``namespace``: "" for those of the
    cluster.
    """
    if not (invalid := _INVALID.search(text)) or not _IMMUTABLE.search(invalid[3]):
        return None
    kind, name, rest = invalid.groups()
    where = f"-n {namespace} " if namespace else ""
    remedy = _WHAT_TO_DO.get(kind, _ANY_KIND).format(delete=f"kubectl {where}delete {kind.lower()} {name}")
    return Immutable(kind, name, invalid_field(text) or "a field", remedy, rest)


def invalid_field(text: str) -> str:
    """The field that the API server's text calls invalid, without its value; "" when it names none."""
    invalid = _INVALID.search(text)
    found = _FIELD.match(invalid[3]) if invalid else None
    return found[1] if found else ""


def left_over(namespace: str, text: str) -> str:
    """What to do about a field that stands beside what replaces it, of which the API server's text tells; else ""."""
    invalid = _INVALID.search(text)
    for pattern, remedy in _LEFT_OVER if invalid else ():
        if invalid and pattern.search(invalid[3]):
            return remedy.format(where=f"-n {namespace} ", kind=invalid[1].lower(), name=invalid[2])
    return ""


def _immutable(release: str, found: Immutable) -> Failure:
    details = {"kind": found.kind, "name": found.name, "field": found.field, "output": found.rest[:_REASON]}
    return Failure(Code.IMMUTABLE_FIELD, f"{release}: {found}: {found.remedy}.", {"release": release, **details})


def _not_served(release: str, namespace: str, kind: str, version: str, *, stored: bool) -> Failure:
    details = {"release": release, "kind": kind, "api_version": version}
    if stored:
        message = (
            f"{release}: the manifest of its deployed revision names {kind} of {version}, which this cluster no longer "
            f"serves; Helm's plugin mends it: helm mapkubeapis {release} --namespace {namespace}"
        )
        return Failure(Code.API_REMOVED, message, details)
    message = (
        f"{release}: the chart has a {kind} of {version}, which this cluster does not serve: install its "
        "CustomResourceDefinition first (in a chart it belongs into the folder crds/, not into templates/), or take a "
        "chart for this version of Kubernetes."
    )
    return Failure(Code.HELM_FAILED, message, details)


def _last(reason: str) -> str:
    """The end of a chain of errors."""
    text = " ".join(reason.rsplit('": ', 1)[-1].split())
    return text if len(text) <= _REASON else f"{text[:_REASON]}…"
