"""Reports of runs: one that was verified, one that was taken back, a plan, and a hostile one."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.plugin_utils.report.document import About, Told, document_of

BEGAN = 1_800_000_000.0
NAMES = ("todo-components", "backend-api", "recurring-task-service", "notification-service", "sse-gateway", "frontend")
DIGESTS = {"v1.4.1": "sha256:" + "3b1f" * 16, "v1.4.2": "sha256:" + "9ac0" * 16}
COMMIT = "4f0c8b1d9e2a7c6b5a43f210e9d8c7b6a5f4e3d2"
GITHUB = {
    "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "todo-app/todo.cloud", "GITHUB_SHA": COMMIT,
}  # fmt: skip
DEPLOY = "Deploy and verify the environment"
EXPECTED = [
    "INFO:     Started server process [7]",
    "INFO:     Waiting for application startup.",
    "ERROR:    Traceback (most recent call last):",
    '  File "/app/backend/main.py", line 41, in lifespan',
    "    settings = Settings.load()",
    '  File "/app/backend/settings.py", line 88, in load',
    "    raise KeyError(name)",
    "KeyError: 'REMINDERS_TOPIC'",
    "ERROR:    Application startup failed. Exiting.",
]


def image(name: str, tag: str) -> str:
    return f"ghcr.io/todo-app/{name}:{tag}@{DIGESTS[tag]}"


def span(kind: str, name: str, start: float, seconds: float, release: str = "", outcome: str = "ok") -> dict[str, Any]:
    return {
        "kind": kind, "name": name, "release": release, "start": BEGAN + start, "seconds": seconds, "outcome": outcome,
    }  # fmt: skip


def plan(check: bool = False) -> list[dict[str, Any]]:
    rows = []
    for name in NAMES:
        changed = name in ("backend-api", "frontend")
        why = f"image ghcr.io/todo-app/{name}:v1.4.1 -> ghcr.io/todo-app/{name}:v1.4.2" if changed else ""
        before = "" if name == "todo-components" else image(name, "v1.4.1")
        rows.append({
            "name": name, "kind": "change" if changed else "unchanged", "why": why,
            "revisions": "7 -> 8" if changed else "7", "state": "outdated" if changed else "verified",
            "action": "upgrade" if changed else "unchanged", "revision": 7, "changes": [why] if why else [],
            "image": image(name, "v1.4.2") if changed else before, "image_before": before,
        })  # fmt: skip
    return rows


def result(
    outcomes: dict[str, tuple[str, int, int, str]], timeline: list[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    """``outcomes``: by release that is not unchanged: outcome, revision tried, revision now, detail."""
    rows = []
    for name in NAMES:
        outcome, tried, now, detail = outcomes.get(name, ("unchanged", 0, 7, ""))
        action = "unchanged" if outcome == "unchanged" else "upgrade"
        rows.append({
            "name": name, "action": action, "from": 7, "tried": tried, "to": now, "outcome": outcome, "detail": detail,
        })  # fmt: skip
    return {
        "changed": True, "plan": plan(), "releases": rows, "failures": [], "set": 12, "table": ["head", "rows"],
        "notes": [], "warnings": [], "timeline": timeline, "helm_calls": 2,
        "api": {"requests": 164, "retries": 0, "relists": 0},
        "invocation": {"module_args": {
            "environment": "staging", "namespace": "todo-staging", "commit": COMMIT,
            "endpoint": {"url": "https://todo.example.org/"}, "waves": "hidden",
        }},
        **more,
    }  # fmt: skip


def available(failures: list[dict[str, str]]) -> dict[str, Any]:
    gap = 1840.0 if failures else 61.3
    return {
        "requests": 812, "failed_requests": len(failures), "before_first": 0, "failures": failures,
        "longest_gap_ms": gap, "p50_ms": 4.1, "p99_ms": 12.8, "certificate_days_left": 61,
        "summary": f"812 requests, {len(failures)} failed, longest gap {gap:.0f} ms, p99 13 ms",
    }  # fmt: skip


def _upgrade() -> list[dict[str, Any]]:
    return [
        span("wave", "wave 2 of 3", 9.0, 14.2),
        span("helm", "backend-api revision 8", 9.1, 1.4, "backend-api"),
        span("wait", "backend-api", 10.6, 11.9, "backend-api"),
        span("pod", "backend-api-6d5f7c9b8-x2x7q", 10.9, 7.7, "backend-api"),
        span("sidecar", "daprd of backend-api-6d5f7c9b8-x2x7q", 12.1, 4.2, "backend-api"),
    ]


def verified() -> dict[str, Any]:
    timeline = [
        *_upgrade(),
        span("wave", "wave 3 of 3", 23.3, 12.1),
        span("helm", "frontend revision 8", 23.4, 1.1, "frontend"),
        span("wait", "frontend", 24.6, 10.7, "frontend"),
        span("pod", "frontend-7f9c6d5b4-k8l2m", 24.8, 6.1, "frontend"),
        span("verify", "everything once more", 35.6, 1.2),
    ]
    done = dict.fromkeys(("backend-api", "frontend"), ("verified", 8, 8, ""))
    workloads = [
        {"release": name, "kind": "Deployment", "namespace": "todo-staging", "name": name, "state": "Current",
         "message": "1 of 1 pods are ready", "judged": True, "code": ""}
        for name in NAMES[1:]
    ]  # fmt: skip
    verification = {"verdict": "Current", "workloads": workloads, "notes": [], "sidecars": "5 of 5", "elapsed": 1.2}
    found = result(done, timeline, availability=available([]), verification=verification)
    return document(Told([], [found], [], phases()), 38.4)


def failure() -> dict[str, Any]:
    end = "; the whole set is back at what was verified (release set 12)."
    what = "container backend-api exits with code 3 (CrashLoopBackOff, 3 restarts)"
    why = f"backend-api: {what}: KeyError: 'REMINDERS_TOPIC'"
    pod = "backend-api-6d5f7c9b8-x2x7q"
    event = {"object": f"Pod/{pod}", "reason": "BackOff", "count": 4, "last_seen": "2027-01-15T08:00:21Z",
             "message": f"Back-off restarting failed container backend-api in pod {pod}_todo-staging"}  # fmt: skip
    details = {
        "release": "backend-api", "kind": "Deployment", "namespace": "todo-staging", "workload": "backend-api",
        "pod": pod, "container": "backend-api", "container_role": "container", "reason": "CrashLoopBackOff",
        "exit_code": 3, "signal": None, "restarts": 3, "api_message": "", "log_tail": EXPECTED, "events": [event],
        "probes": {"readinessProbe": "GET :8080/ready every 5 s, 3 failures"}, "could_not_read": [],
        "sidecar": {"container": "daprd", "log_tail": ["level=info msg=\"waiting for the app on port 8080\""]},
    }  # fmt: skip
    timeline = [
        *[{**each, "outcome": "failed"} if each["kind"] in ("wave", "wait", "pod") else each for each in _upgrade()],
        span("rollback", "back to what was verified", 23.5, 9.0),
        span("helm", "backend-api revision 9", 23.6, 1.2, "backend-api"),
    ]
    outcomes = {
        "backend-api": ("restored", 8, 9, "crash_loop, back at set 12"),
        "frontend": ("kept", 0, 7, "outdated: image v1.4.1 -> v1.4.2"),
    }
    lost = [{"at": f"2027-01-15T08:00:2{n}.120+00:00", "why": "status 502"} for n in (2, 3)]
    first = {"code": "crash_loop", "message": why + end, "details": details}
    return result(
        outcomes, timeline, failed=True, msg=why + end, failure=first, availability=available(lost),
        failures=[{**first, "message": why}],
    )  # fmt: skip


def failed() -> dict[str, Any]:
    found = failure()
    lost = {"host": "backend-api", "task": DEPLOY, "message": found["msg"], "result": found}
    return document(Told([lost], [found], [], phases()), 34.8)


def planned() -> dict[str, Any]:
    before = "apiVersion: apps/v1\nkind: Deployment\nspec:\n  replicas: 2\n  template:\n    spec:\n      containers:\n"
    diffs = [
        {"before": f"{before}        - image: {image(name, 'v1.4.1')}\n",
         "after": f"{before}        - image: {image(name, 'v1.4.2')}\n",
         "before_header": f"{name}: Deployment/{name} (revision 7)",
         "after_header": f"{name}: Deployment/{name} (dry run)"}
        for name in ("backend-api", "frontend")
    ]  # fmt: skip
    problem = {
        "release": "backend-api", "code": "config_missing", "certain": True,
        "message": "Deployment backend-api needs key 'url' of Secret 'database', which is not there",
        "remedy": "create it, or add it to environment_secrets",
    }  # fmt: skip
    rows = dict.fromkeys(("backend-api", "frontend"), ("predicted", 0, 7, "outdated"))
    found = result(
        rows, [], preflight=[problem], diff=diffs, table=["head", "2 to change, 4 unchanged"],
        notes=["As deployer of staging."], drift=[],
    )  # fmt: skip
    return document(Told([], [found], [], []), 4.2, ["plan.yml"])


def refused() -> dict[str, Any]:
    """By two things at once."""
    missing = {"code": "config_missing", "certain": True, "release": "backend-api",
               "message": "Deployment backend-api needs key 'url' of Secret 'database', which is not there",
               "remedy": "create it, or add it to environment_secrets"}  # fmt: skip
    image = {**missing, "code": "image_not_found", "message": "ghcr.io/todo-app/frontend:v9 is not in its registry",
             "release": "frontend", "remedy": "push it, or name another version"}  # fmt: skip
    why = "2 things stand in the way of this deployment, nothing was changed: backend-api: Deployment; frontend: ghcr."
    first = {"code": "preflight_failed", "message": why, "details": {"problems": [missing, image]}}
    found = result({}, [], failed=True, msg=why, failure=first, failures=[first])
    lost = {"host": "backend-api", "task": DEPLOY, "message": why, "result": found}
    return document(Told([lost], [found], [], phases()[:2]), 5.1)


def phases() -> list[tuple[str, float]]:
    names = [("The environment is looked at", 0.0), ("What the services depend on is there", 3.1),
             ("Services run what the inventory says", 6.0)]  # fmt: skip
    return [(name, BEGAN + start) for name, start in names]


def document(told: Told, seconds: float, playbooks: list[str] | None = None) -> dict[str, Any]:
    url = "https://github.com/todo-app/todo.cloud/actions/runs/1"
    versions = {"ansible-core": "2.19.14"}
    run = About(playbooks or ["site.yml"], BEGAN, BEGAN + seconds, versions=versions, url=url, variables=GITHUB)
    return document_of(told, run)


HOSTILE = (
    "</script><script>document.title = 'broken'</script>",
    "<img src=x onerror=\"document.title='broken'\">",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \u202egnp.exe\u2066 \x00",
    "{{ 7 * 7 }} {% raw %} ${x} <!-- --> ]]> &lt;b&gt;",
    "::set-output name=x::y ##[error]z @everyone #1 | `code` ``` [a](javascript:alert(1))",
    "postgres://todo:hunter2hunter2@db/todo password=hunter2hunter2",
    "long " + "x" * 1_000_000,
)


def hostile() -> dict[str, Any]:
    """Whatever others may write is an attack."""
    found: Any = _hostile(failure())
    found["invocation"]["module_args"] |= {"environment": HOSTILE[0], "endpoint": {"url": "javascript:alert(1)"}}
    found["availability"]["failures"] = [{"at": "2027-01-15T08:00:22Z", "why": HOSTILE[0]}]
    found["failure"]["details"]["log_tail"] = list(HOSTILE)
    lost = {"host": HOSTILE[0], "task": HOSTILE[1], "message": "".join(HOSTILE[:6]), "result": found}
    about = About(["site.yml"], BEGAN, BEGAN + 34.8, url="javascript:alert(document.cookie)")
    return document_of(Told([lost], [found], [], [(HOSTILE[0], BEGAN)]), about)


def _hostile(value: Any) -> Any:
    """Each text of a result is followed by attacks; what the collection itself decides stays."""
    if isinstance(value, dict):
        plain = ("code", "outcome", "kind", "started", "at")
        return {key: item if key in plain else _hostile(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_hostile(item) for item in value]
    return value + "".join(HOSTILE[:6]) if isinstance(value, str) else value
