# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Failures as values: a stable code, one sentence, and the evidence. Independent of Ansible.

docs/failure-codes.md documents the codes; a test compares it with this enum.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """What went wrong, for programs. Released values are never renamed."""

    # Pods and workloads
    CRASH_LOOP = "crash_loop"
    OOM_KILLED = "oom_killed"
    PROBE_KILLED = "probe_killed"
    IMAGE_PULL = "image_pull"
    IMAGE_INVALID = "image_invalid"
    CONFIG_MISSING = "config_missing"
    CONTAINER_START = "container_start"
    POD_FAILED = "pod_failed"
    UNSCHEDULABLE = "unschedulable"
    VOLUME_MOUNT = "volume_mount"
    FAILED_CREATE = "failed_create"
    QUOTA_EXCEEDED = "quota_exceeded"
    ADMISSION_DENIED = "admission_denied"
    SERVICE_ACCOUNT_MISSING = "service_account_missing"
    NOT_READY = "not_ready"
    PROBE_FAILING = "probe_failing"
    SIDECAR_NOT_READY = "sidecar_not_ready"
    DEPENDENCY_DOWN = "dependency_down"
    PLATFORM_DOWN = "platform_down"
    BLOCKED_BY_OLD_POD = "blocked_by_old_pod"
    PROGRESS_DEADLINE = "progress_deadline"
    JOB_FAILED = "job_failed"
    PAUSED = "paused"
    DELETED = "deleted"
    RESOURCE_FAILED = "resource_failed"
    TIMEOUT = "timeout"
    # The Kubernetes API and its credentials
    CREDENTIALS = "credentials"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    ALREADY_EXISTS = "already_exists"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    API_ERROR = "api_error"
    # User input
    INVALID_INPUT = "invalid_input"
    MISSING_LIBRARY = "missing_library"
    # The machine that Ansible runs on
    CONTROLLER_EXHAUSTED = "controller_exhausted"
    # Helm and releases
    HELM_MISSING = "helm_missing"
    HELM_FAILED = "helm_failed"
    CHART_INVALID = "chart_invalid"
    IMMUTABLE_FIELD = "immutable_field"
    API_REMOVED = "api_removed"
    WEBHOOK_DOWN = "webhook_down"
    RELEASE_PENDING = "release_pending"
    FOREIGN_REVISION = "foreign_revision"
    FOREIGN_OBJECT = "foreign_object"
    LOCK_HELD = "lock_held"
    LOCK_LOST = "lock_lost"
    NO_VERIFIED_SET = "no_verified_set"
    SET_NOT_FOUND = "set_not_found"
    SET_DAMAGED = "set_damaged"
    SET_UNSIGNED = "set_unsigned"
    SET_TOO_LARGE = "set_too_large"
    ROLLBACK_TARGET_MISSING = "rollback_target_missing"
    ROLLBACK_REFUSED = "rollback_refused"
    ROLLBACK_FAILED = "rollback_failed"
    PREFLIGHT_FAILED = "preflight_failed"
    DRIFTED = "drifted"
    TIGHTENING_REFUSED = "tightening_refused"
    # Registries and promotion
    IMAGE_NOT_FOUND = "image_not_found"
    IMAGE_TAG_TAKEN = "image_tag_taken"
    IMAGE_UNSIGNED = "image_unsigned"
    PROMOTION_REFUSED = "promotion_refused"
    PROMOTION_UNPROVED = "promotion_unproved"
    PROMOTION_ONLY = "promotion_only"
    DEPLOY_FROZEN = "deploy_frozen"
    BUNDLE_DAMAGED = "bundle_damaged"
    BUNDLE_REFUSED = "bundle_refused"
    BUNDLE_UNSIGNED = "bundle_unsigned"
    REGISTRY_DENIED = "registry_denied"
    REGISTRY_UNREACHABLE = "registry_unreachable"
    REGISTRY_ERROR = "registry_error"
    # Dapr
    SIDECAR_MISSING = "sidecar_missing"
    SIDECAR_VERSION = "sidecar_version"
    INJECTOR_DOWN = "injector_down"
    DAPR_TRUST = "dapr_trust"
    COMPONENT_NOT_LOADED = "component_not_loaded"
    # Logins of the database and the broker
    LOGIN_DENIED = "login_denied"
    LOGIN_FAILED = "login_failed"
    DATABASE_MISSING = "database_missing"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    TLS_MISMATCH = "tls_mismatch"
    HOST_UNKNOWN = "host_unknown"
    CONNECTION_CUT = "connection_cut"
    MECHANISM_MISSING = "mechanism_missing"
    ACL_MISSING = "acl_missing"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    # DigitalOcean
    CLOUD_DENIED = "cloud_denied"
    CLOUD_UNREACHABLE = "cloud_unreachable"
    CLOUD_REFUSED = "cloud_refused"
    CLOUD_ERROR = "cloud_error"
    CLUSTER_FIXED = "cluster_fixed"
    CLUSTER_FAILED = "cluster_failed"
    CLUSTER_IN_USE = "cluster_in_use"
    BUDGET_EXCEEDED = "budget_exceeded"
    # What visitors see
    VERIFY_JOB_FAILED = "verify_job_failed"
    REGRESSION = "regression"
    ENDPOINT_DOWN = "endpoint_down"


@dataclass(frozen=True)
class Failure:
    """``code`` for programs, ``message`` (one sentence) for people, ``details`` as evidence (plain JSON)."""

    code: Code
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_result(self) -> dict[str, Any]:
        """Plain JSON, for ``failure`` in a module's result."""
        return {"code": self.code.value, "message": self.message, "details": dict(self.details)}


class TodoCloudError(Exception):
    """The base of all errors below the modules; module.py turns it into ``fail_json``.

    ``results``: further keys of the module's result (a verdict, a list of releases), beside ``failure``. ``warnings``
    are shown like the warnings of a successful run.
    """

    def __init__(
        self, failure: Failure, results: Mapping[str, Any] | None = None, warnings: Sequence[str] = ()
    ) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.warnings = tuple(warnings)
        self.results: dict[str, Any] = dict(results or {})


def error(code: Code, message: str, **details: Any) -> TodoCloudError:
    """Shorthand: ``raise error(Code.INVALID_INPUT, "...", option="to")``."""
    return TodoCloudError(Failure(code, message, details))


def one_or_many(names: Iterable[str], one: str, many: str) -> str:
    """``one`` or ``many``, part of a sentence, with the names in place of its ``{}``."""
    listed = list(names)
    return (one if len(listed) == 1 else many).format(", ".join(listed))


# What this machine lacks, not the cluster: errno(3).
_EXHAUSTED = frozenset({
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN,
})  # fmt: skip


def exhausted(exc: BaseException) -> Failure | None:
    """The failure for an exception by which this machine says that it has no more space, memory, files or processes."""
    if isinstance(exc, MemoryError):
        number, path = errno.ENOMEM, None
    elif isinstance(exc, OSError) and exc.errno in _EXHAUSTED:
        number, path = exc.errno, exc.filename
    else:
        return None
    where = f" ({path})" if isinstance(path, str) else ""
    why = os.strerror(number) + where
    message = f"The machine that Ansible runs on has reached a limit: {why}. Give it more, then run this again."
    return Failure(Code.CONTROLLER_EXHAUSTED, message, {"errno": errno.errorcode[number]})
