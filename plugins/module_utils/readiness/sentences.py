# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One sentence for each symptom, with what is needed to find the cause."""

from __future__ import annotations

import re

from ..failure import Code
from ..masking import masked
from .evidence import describe_probe, short_cause
from .fields import Object
from .pods import Container, Role, containers
from .symptoms import HOOK_FAILED, KILLED_AT_START, NOT_STARTED, SIDECAR_RUNS, Symptom, claims_of

# The kubelet's message about runAsNonRoot, and the pod and container that it names behind its messages.
_NAMED_USER = re.compile(r"runAsNonRoot and image has non-numeric user \(([^)]*)\)")
_COMMAND = re.compile(r'exec: ("[^"\n]{1,100}"): ')  # runc's, of what it could not execute
_OTHER_PLATFORM = "no match for platform in manifest"  # containerd's words, which end with "not found"
_KEY_IN_VOLUME = re.compile(r'failed for volume ("[^"]*") : (references non-existent (?:secret|config) key: .*)$')
_HOOK_CODE = re.compile(r"failed - error: .*? exited with (\d+)\b", re.DOTALL)
_HOOK_SAID = re.compile(r', message: "(.*)"$', re.DOTALL)
_WHOSE = re.compile(r' \(pod: "[^"]*", container: [^)]*\)$')


def sentence(symptom: Symptom, label: str, pod: Object | None = None, cause: str = "", probe_message: str = "") -> str:
    """``label``: the workload's name; ``cause``: the decisive log line; ``probe_message``: the probe's last message."""
    view = container_of(pod, symptom.container)
    where = f"{symptom.role or Role.APP} {symptom.container}"
    reason = f": {cause}" if cause else ""
    return f"{label}: {_body(symptom, where, pod, view, probe_message)}{reason}"


def container_of(pod: Object | None, name: str) -> Container | None:
    """The container of this name, if the pod is known and has it."""
    return next((view for view in containers(pod) if view.name == name), None) if pod and name else None


def _body(symptom: Symptom, where: str, pod: Object | None, view: Container | None, probe_message: str) -> str:
    definition = view.definition if view else {}
    image = definition.get("image", "")
    text = masked(symptom.message)
    match symptom.code:
        case Code.CRASH_LOOP:
            how = f"was killed by signal {symptom.signal}" if symptom.signal else f"exits with code {symptom.exit_code}"
            return f"{where} {how} ({symptom.reason}, {_restarts(symptom)})"
        case Code.OOM_KILLED:
            limit = ((definition.get("resources") or {}).get("limits") or {}).get("memory", "none")
            words = f"memory limit {limit}, {_restarts(symptom)}" if view else _restarts(symptom)
            return f"{where} was OOM-killed ({words})"
        case Code.PROBE_KILLED:
            kind = "startupProbe" if view and not view.started and definition.get("startupProbe") else "livenessProbe"
            probe = definition.get(kind) or definition.get("startupProbe")
            at_start = symptom.reason == KILLED_AT_START or probe is not definition.get("livenessProbe")
            said = text if symptom.reason == KILLED_AT_START and text else masked(probe_message) if at_start else ""
            words = "; ".join(filter(None, (describe_probe(probe), said, _restarts(symptom))))
            return f"{where} was restarted because its {'startup' if at_start else 'liveness'} probe failed ({words})"
        case Code.IMAGE_PULL:
            named = f"image {image}" if image else "the image"
            cause = "it is not built for the node's platform" if _OTHER_PLATFORM in text else short_cause(text)
            return f"{named} of {where} cannot be pulled: {cause or symptom.reason}"
        case Code.IMAGE_INVALID:
            return (
                f"{image!r} of {where} is not a valid image name"
                if image
                else f"the image name of {where} is not valid"
            )
        case Code.CONFIG_MISSING:
            subject = where if symptom.container else f"pod {symptom.pod}"
            return f"{subject} cannot start: {short_mount(text)}"
        case Code.CONTAINER_START if symptom.reason == HOOK_FAILED:
            return f"the postStart hook of {where} fails{_of_hook(text)}"
        case Code.CONTAINER_START:
            command = f"its command {found[1]}: " if (found := _COMMAND.search(text)) else ""
            return f"{where} cannot be started: {command}{short_cause(_plain(text)) or symptom.reason}"
        case Code.NOT_READY if not symptom.container and text:
            return f"pod {symptom.pod}: {text}" if symptom.pod else text
        case Code.NOT_READY if symptom.role is Role.INIT:
            return f"{where} runs and has not ended"
        case Code.NOT_READY | Code.SIDECAR_NOT_READY:
            kind = "startup" if symptom.reason in (NOT_STARTED, KILLED_AT_START) else "readiness"
            words = describe_probe(definition.get(f"{kind}Probe"))
            detail = f" ({kind} probe {words}{'; ' + masked(probe_message) if probe_message else ''})" if words else ""
            return f"{where} runs but is not ready{detail}"
        case Code.PROBE_FAILING:
            kind = "startup" if view and not view.started else "readiness"
            words = f"{describe_probe(definition.get(f'{kind}Probe'))}; {short_cause(text)}"
            if symptom.reason == "NoAnswer":
                return f"{where} runs, but nothing listens on its {kind} probe's port ({words}){_declared(definition)}"
            return f"{where} runs, but its {kind} probe cannot succeed as configured ({words})"
        case Code.DEPENDENCY_DOWN:
            detail = f" ({masked(probe_message)})" if probe_message else ""
            return (
                f"{where} is not ready in the new pods and in the pods of the old revision{detail}: "
                "a dependency of both is down, and a rollback would not help"
            )
        case Code.UNSCHEDULABLE:
            return f"pod {symptom.pod} cannot be scheduled: {text}{_claims(pod, text)}"
        case Code.BLOCKED_BY_OLD_POD:
            return f"pod {symptom.pod} of the old revision is broken ({symptom.reason}) and blocks the update"
        case Code.PROGRESS_DEADLINE:
            return f"its progress deadline has passed ({text})"
        case Code.JOB_FAILED if symptom.reason == SIDECAR_RUNS:
            advice = "end it by POST /v1.0/shutdown, or make it native: dapr.io/enable-native-sidecar"
            return f"{where} has ended with code {symptom.exit_code}, but {text} ({advice})"
        case Code.JOB_FAILED:
            exited = f", {where} with code {symptom.exit_code}" if symptom.exit_code is not None else ""
            return f"the Job failed ({text}){exited}"
        case Code.POD_FAILED:
            code = f" with code {symptom.exit_code}" if symptom.exit_code is not None else ""
            if not symptom.container:
                return f"pod {symptom.pod} failed ({symptom.reason}{': ' + text.rstrip('. ') if text else ''})"
            return f"{where} failed{code} ({symptom.reason})"
        case Code.QUOTA_EXCEEDED | Code.ADMISSION_DENIED | Code.SERVICE_ACCOUNT_MISSING | Code.FAILED_CREATE:
            return f"its pods cannot be created: {text or symptom.reason}"
        case _:
            return text or symptom.reason


def short_mount(text: str) -> str:
    """What is missing, without the kubelet's preamble about the volume."""
    if found := _KEY_IN_VOLUME.search(text):
        return f"volume {found[1]} {found[2]}"
    return short_cause(text) if text.startswith(("MountVolume", "Unable to attach")) else text


def _of_hook(text: str) -> str:
    """How a hook ended and what it wrote, by the kubelet's message."""
    code, said = _HOOK_CODE.search(text), _HOOK_SAID.search(text)
    words = " ".join(masked(said[1].replace("\\n", " ")).split())[:200] if said else ""
    return f"{f' with exit code {code[1]}' if code else ''}{f': {words}' if words else ''}"


def _plain(text: str) -> str:
    """The kubelet's message without the pod and container behind it; runAsNonRoot with what to do."""
    user = _NAMED_USER.search(text)
    if user:
        return f"the image's user {user[1]} is a name, and runAsNonRoot needs a number, set runAsUser"
    return _WHOSE.sub("", text)


def _claims(pod: Object | None, text: str) -> str:
    """The claims that a pod waits for; the scheduler does not name them."""
    if pod is None or "PersistentVolumeClaim" not in text:
        return ""
    names = claims_of(pod)
    return f" (its claims: {', '.join(names)})" if names else ""


def _declared(definition: Object) -> str:
    """The ports that a container declares, if any."""
    ports = [str(port.get("containerPort")) for port in definition.get("ports") or []]
    return f"; the container declares port {', '.join(ports)}" if ports else ""


def _restarts(symptom: Symptom) -> str:
    return "1 restart" if symptom.restarts == 1 else f"{symptom.restarts} restarts"
