"""What Helm prints, and what it means."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.helm.errors import error_of, limit_reached

SCHEMA = """Error: UPGRADE FAILED: values don't meet the specifications of the schema(s) in the following chart(s):
sleeper:
- at '/mode': value must be one of 'serve', 'crash', 'unready'
"""
CASES = [
    ('Error: kubernetes cluster unreachable: Get "https://x/version": dial tcp: connect: connection refused',
     Code.UNREACHABLE, True),
    ("Error: cluster reachability check failed: an error on the server", Code.UNREACHABLE, True),
    ('Error: UPGRADE FAILED: Get "https://x": net/http: TLS handshake timeout', Code.UNREACHABLE, True),
    ('Error: UPGRADE FAILED: create: failed to create: Post "https://x": unexpected EOF', Code.UNREACHABLE, True),
    ("Error: UPGRADE FAILED: the server is currently unable to handle the request", Code.UNREACHABLE, True),
    ("Error: UPGRADE FAILED: etcdserver: leader changed", Code.UNREACHABLE, True),
    ("Error: UPGRADE FAILED: rpc error: code = Unavailable desc = error reading from server: EOF",
     Code.UNREACHABLE, True),
    ('Error: UPGRADE FAILED: Get "https://x/api": context deadline exceeded (Client.Timeout exceeded while awaiting '
     'headers)', Code.UNREACHABLE, True),
    ('Error: UPGRADE FAILED: Get "https://x/api": context deadline exceeded', Code.UNREACHABLE, True),
    ("Error: UPGRADE FAILED: pre-upgrade hooks failed: 1 error occurred: * context deadline exceeded",
     Code.HELM_FAILED, False),
    ("Error: kubernetes cluster unreachable: the server has asked for the client to provide credentials",
     Code.UNAUTHORIZED, False),
    ("Error: UPGRADE FAILED: query: failed to query with labels: Unauthorized", Code.UNAUTHORIZED, False),
    ("Error: Unauthorized", Code.UNAUTHORIZED, False),
    ('Error: kubernetes cluster unreachable: Get "https://x/version": tls: failed to verify certificate: x509: '
     'certificate signed by unknown authority', Code.CREDENTIALS, False),
    ("Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress", Code.RELEASE_PENDING, False),
    ("Error: UPGRADE FAILED: release: already exists", Code.RELEASE_PENDING, False),
    ('Error: UPGRADE FAILED: x/templates/a.yaml:4:20\n  executing "x/templates/a.yaml" at <.Values.missing.deep>:\n'
     '    nil pointer evaluating interface {}.deep', Code.CHART_INVALID, False),
    ("Error: UPGRADE FAILED: chart requires kubeVersion: >=9.0.0 which is incompatible with Kubernetes v1.36.3",
     Code.CHART_INVALID, False),
    (SCHEMA, Code.CHART_INVALID, False),
    ("Error: parse error at (c/templates/a.yaml:1): unexpected EOF", Code.CHART_INVALID, False),
    ("Error: execution error at (c/templates/a.yaml:1:3): connection refused: set db.host", Code.CHART_INVALID, False),
    ("Error: cannot load values.yaml: error converting YAML to JSON: unexpected EOF", Code.CHART_INVALID, False),
    ("Error: validation: chart.metadata.version \"one\" is invalid", Code.CHART_INVALID, False),
    ("Error: UPGRADE FAILED: template: c/templates/a.yaml:1:3: executing \"c\" at <lookup \"v1\">: error calling "
     "lookup: Get \"https://x/api/v1\": dial tcp: connect: connection refused", Code.UNREACHABLE, True),
    ("Error: UPGRADE FAILED: template: sleeper/templates/all.yaml:3: function \"nope\" not defined",
     Code.CHART_INVALID, False),
    ('Error: UPGRADE FAILED: conflict occurred while applying object ns/api apps/v1, Kind=Deployment: Apply failed '
     'with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas', Code.HELM_FAILED, False),
    ('Error: failed to perform "FetchReference" on source: Get "https://r.test/v2/c/manifests/1": dial tcp: connect: '
     'connection refused', Code.REGISTRY_UNREACHABLE, True),
    ('Error: failed to do request: Head "https://r.test/v2/c/manifests/1": tls: failed to verify certificate: x509: '
     'certificate signed by unknown authority', Code.REGISTRY_UNREACHABLE, False),
    ('Error: GET "https://r.test/v2/c/manifests/1": response status code 401: unauthorized: authentication required',
     Code.REGISTRY_DENIED, False),
    ('Error: failed to perform "FetchReference" on source: GET "https://r.test/v2/c/manifests/9": response status code '
     '404: manifest unknown', Code.CHART_INVALID, False),
    ('Error: UPGRADE FAILED: Get "https://x/apis/autoscaling/v2/namespaces/a": dial tcp: connect: connection refused',
     Code.UNREACHABLE, True),
    ('Error: UPGRADE FAILED: deployments.apps is forbidden: User "x" cannot create resource', Code.HELM_FAILED, False),
    ('Error: UPGRADE FAILED: pods "x" is forbidden: exceeded quota: small', Code.HELM_FAILED, False),
]  # fmt: skip


@pytest.mark.parametrize(("output", "code", "transient"), CASES)
def test_understand(output: str, code: Code, transient: bool) -> None:
    found = error_of("upgrade", "api", output)
    assert (found.failure.code, found.transient) == (code, transient)
    assert found.failure.message.startswith("api: ")
    assert "\n" not in found.failure.message
    assert "UPGRADE FAILED" not in found.failure.message


def test_the_schemas_complaint_is_kept() -> None:
    message = error_of("upgrade", "api", SCHEMA).failure.message
    assert message.startswith("api: the values do not match the chart's schema:")
    assert "at '/mode': value must be one of" in message


def test_the_other_field_manager_is_named_with_a_way_out() -> None:
    output = next(text for text, _, _ in CASES if "kubectl" in text)
    failure = error_of("upgrade", "api", output).failure
    assert "kubectl owns fields" in failure.message
    assert "force_conflicts" in failure.message
    assert failure.details["manager"] == "kubectl"


def test_warnings_before_the_error_are_left_out_and_length_is_bounded() -> None:
    output = "WARNING: something\nlevel=WARN msg=noise\nError: " + "x" * 2000
    message = error_of("rollback", "api", output).failure.message
    assert "noise" not in message
    assert len(message) < 500


def test_output_without_the_word_error_is_kept_as_it_is() -> None:
    assert error_of("upgrade", "api", "Killed").failure.message == "api: helm upgrade failed: Killed"


def test_a_release_that_does_not_fit_into_its_secret() -> None:
    why = 'Secret "sh.helm.release.v1.r.v1" is invalid: data: Too long: may not be more than 1048576 bytes'
    found = error_of("upgrade", "r", f"Error: create: failed to create: {why}")
    assert found.failure.code is Code.CHART_INVALID
    assert "too large for the Secret" in found.failure.message


@pytest.mark.parametrize(
    ("output", "limit"),
    [
        ("fatal error: runtime: out of memory\n\nruntime stack:\nruntime.throw(...)", "runtime: out of memory"),
        ("fatal error: failed to reserve page summary memory\n\nruntime stack:", "page summary memory"),
        ("runtime: failed to create new OS thread\nfatal error: newosproc\n", "OS thread"),
        ("Error: open /cache/helm/x.yaml: too many open files", "too many open files"),
        ("Error: UPGRADE FAILED: write /tmp/helm-1: no space left on device", "no space left on device"),
        ('Error: Get "https://x/version": dial tcp 10.0.0.1:443: socket: too many open files', "too many open files"),
        ("Error: UPGRADE FAILED: etcdserver: no space left on device", ""),
        ("Error: UPGRADE FAILED: something odd", ""),
    ],
)
def test_limits_of_this_machine(output: str, limit: str) -> None:
    found = limit_reached("upgrade", "api", output)
    assert bool(found) is bool(limit)
    if found:
        assert found.failure.code is Code.CONTROLLER_EXHAUSTED
        assert limit in found.failure.message
