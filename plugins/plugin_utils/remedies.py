# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to do about a failure: a few words, and the section of docs/operations.md that its symptom has.

A test compares the sections with that page: each message on it leads back to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.dependencies.hosts import unreached

DOCS = "https://github.com/todo-app/todo.cloud/blob/main/docs"
_PAGE = f"{DOCS}/operations.md"
_NOT_LETTERS = re.compile(r"[^\w -]")


@dataclass(frozen=True)
class Remedy:
    """``words``: what to do; ``section``: its title on the page."""

    words: str
    section: str

    @property
    def url(self) -> str:
        """Where the section is, as GitHub names the places of a page."""
        return f"{_PAGE}#{_NOT_LETTERS.sub('', self.section).lower().replace(' ', '-')}"

    def __str__(self) -> str:
        return f"{self.words}: {self.url}"


_CLUSTER = Remedy(
    "look at the cloud's status page and the nodes, then run it again", "The cloud or the cluster is down"
)
_DATABASE = Remedy(
    "look whether the database is up and lets the cluster in, then run it again",
    "The database refuses connections or does not answer in time",
)
_DATABASE_LOGIN = Remedy(
    "correct what the message names, in the vault or the variable, then run it again",
    "The database does not take the login",
)
_BROKER_LOGIN = Remedy(
    "correct what the message names, in the vault or at the broker, then run it again",
    "The broker does not take the login",
)
_BROKER = Remedy(
    "wait for the broker; if it does not come back, deploy the platform again", "The broker is unavailable or restarts"
)
_PROVIDER = Remedy("look at the provider's status page, and wait", "The broker's provider has an outage")
_TOPIC = Remedy(
    "correct the topic or the login that the message names", "A topic is missing, or messages are dead letters"
)
_SIDECAR = Remedy(
    "repair Dapr, or the component that the sidecar names, then run it again", "A sidecar is missing, or crashes"
)
_CERTIFICATES = Remedy("run playbooks/rotate_dapr_certificates.yml", "Dapr's certificates run out")
_SECRETS = Remedy("correct the Secret or the credentials, then run it again", "Secrets were rotated or changed")
_NETWORK = Remedy("compare with what the network policies allow (plan.yml -v)", "The network between services is cut")
_MIDWAY = Remedy("run it again: it goes on from what is there", "A Helm upgrade failed midway")
_DRIFT = Remedy(
    "put it back (release_drift=restore), or into the inventory", "An environment differs from its verified set"
)
_REGISTRY = Remedy("wait for the registry, then run it again", "The registry is unavailable, for a push or a pull")
_IMAGE = Remedy("push the image, name another tag, or correct the pull Secret", "An image cannot be pulled")
_UNREADY = Remedy(
    "find in its log why it is not ready, then deploy a version that works",
    "Some pods are updated, others do not become ready",
)
_CRASH = Remedy("mend what its last lines name, then deploy again", "A container ends again and again")
_PROBE = Remedy("correct port and health of the service, or give it more time", "A probe fails")
_ACME = Remedy("wait until the time that the message names", "Let's Encrypt's rate limit, at the first certificate")
_LOCK = Remedy(
    "wait for the other run; playbooks/lock.yml shows it", "Another deployment to the environment is in progress"
)
_REFUSED = Remedy("promote it, or wait for the freeze's end", "A change is refused: only by a promotion, or a freeze")
_UNSIGNED = Remedy("have the pipeline build and sign the image", "An image is not signed")
_ROOM = Remedy("add a node or raise the quota, or ask for less", "The nodes have no room for more pods")
_CHECK = Remedy("look at what the services logged meanwhile", "Everything is ready, but the check of the app fails")

# Whatever the message says.
_BY_CODE = {
    "crash_loop": _CRASH, "oom_killed": _CRASH, "pod_failed": _CRASH, "container_start": _CRASH, "job_failed": _CRASH,
    "probe_failing": _PROBE, "probe_killed": _PROBE,
    "not_ready": _UNREADY, "progress_deadline": _UNREADY, "timeout": _UNREADY, "blocked_by_old_pod": _UNREADY,
    "image_pull": _IMAGE, "image_invalid": _IMAGE, "image_not_found": _IMAGE, "registry_denied": _IMAGE,
    "registry_unreachable": _REGISTRY, "config_missing": _SECRETS, "unauthorized": _SECRETS,
    "unschedulable": _ROOM, "quota_exceeded": _ROOM, "unreachable": _CLUSTER,
    "sidecar_missing": _SIDECAR, "sidecar_not_ready": _SIDECAR, "sidecar_version": _SIDECAR,
    "injector_down": _SIDECAR, "component_not_loaded": _SIDECAR, "dapr_trust": _CERTIFICATES,
    "release_pending": _MIDWAY, "drifted": _DRIFT, "lock_held": _LOCK, "lock_lost": _LOCK,
    "promotion_only": _REFUSED, "deploy_frozen": _REFUSED, "promotion_refused": _REFUSED,
    "image_unsigned": _UNSIGNED, "verify_job_failed": _CHECK,
}  # fmt: skip
# What is down, by its name: of dependency_down and platform_down.
_DOWN = (
    (re.compile(r"^registry |^the image's registry"), _REGISTRY),
    (re.compile(r"^the connection "), _NETWORK),
    (re.compile(r"^Dapr's |^admission webhook \S*dapr"), _SIDECAR),
    (re.compile(r"^node |^cluster DNS|^admission webhook "), _CLUSTER),
    (re.compile(r"pubsub\.|kafka|:909\d\b"), _BROKER),
    (re.compile(r"state\.|postgres|mysql|database|:5432\b|\.neon\.tech"), _DATABASE),
)
_LOGIN_REFUSED = re.compile(r"authentication failed|access denied|permission denied for|password", re.IGNORECASE)
_ANSWERED = re.compile(r"probe [^()]*(?:statuscode: 4\d\d|connection refused)")
_SIGNED = re.compile(r"\bsigned\b")
_ELSEWHERE = "no connection from this machine either"


def remedy_of(failure: Mapping[str, Any]) -> Remedy | None:
    """What to do about a failure with its code, message and details; None where the message says all there is."""
    code, message = str(failure.get("code") or ""), str(failure.get("message") or "")
    given = failure.get("details")
    details = given if isinstance(given, Mapping) else {}
    match code:
        case _ if "login" in details and "secret" in details:
            return _BROKER_LOGIN if re.search(r"^broker: |\bKafka at ", message) else _DATABASE_LOGIN
        case "dependency_down" | "platform_down":
            named = str(details.get("dependency") or "")
            found = next((remedy for words, remedy in _DOWN if words.search(named)), None)
            return _PROVIDER if found is _BROKER and _ELSEWHERE in message else found
        case "crash_loop" | "pod_failed" | "job_failed":
            said = message.partition("): ")[2]  # the last words of its log
            if details.get("container_role") == "sidecar":
                return _SIDECAR
            return _SECRETS if _LOGIN_REFUSED.search(said) else _NETWORK if unreached([said]) else _CRASH
        case "not_ready" if _ANSWERED.search(message):
            return _PROBE
        case "unreachable" if "command" in details:
            return _MIDWAY
        case "registry_denied" if _SIGNED.search(message):
            return _UNSIGNED
        case "refused" | "credentials" if re.search(r"\btopic\b|^The broker ", message):
            return _TOPIC
        case "endpoint_down" if re.search(r"certificate", message, re.IGNORECASE):
            return _ACME
        case _:
            return _BY_CODE.get(code)


def remedies(result: Mapping[str, Any]) -> list[Remedy]:
    """Of a result that failed, each once; of what is in the way, of each thing."""
    if "censored" in result:
        return []
    if items := [each for each in _mappings(result.get("results")) if each.get("failed")]:  # of a loop
        return remedies(items[0])
    failures = [*_mappings([result.get("failure")]), *_mappings(result.get("failures"))]
    return each_once(part for failure in failures for part in (failure, *_problems(failure)))


def in_the_way(plan: Mapping[str, Any]) -> list[Remedy]:
    """Of what stands in the way of a plan for certain."""
    return each_once(each for each in _mappings(plan.get("preflight")) if each.get("certain"))


def each_once(failures: Iterable[Mapping[str, Any]]) -> list[Remedy]:
    """The remedies of failures, or of things that are in the way."""
    return list(dict.fromkeys(found for each in failures if (found := remedy_of(each))))


def _problems(failure: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    details = failure.get("details")
    return _mappings(details.get("problems")) if isinstance(details, Mapping) else []


def _mappings(found: Any) -> list[Mapping[str, Any]]:
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, (list, tuple)) else []
