"""playbooks/dashboard.yml of a real Prometheus in a real browser: what a person sees of it, and what does not run.

Pictures of the page are kept in TODO_CLOUD_PICTURES, if that names a folder.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.cluster.paths import cache
from tests.edge.browser import Browser, browser
from tests.integration.support import eventually
from tests.monitoring.accessibility import problems
from tests.monitoring.standalone import Sample, prometheus, write
from tests.unit.charts.rendering import Helm, merged, minimal_values, pick

TOP = Path(__file__).resolve().parents[2]
NAMESPACE, ENVIRONMENT = "todo-staging", "staging"
HOSTILE = "</td></svg><script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">\u202e"
SERVICES = ("backend-api", "frontend", "notification-service", "recurring-task-service", "sse-gateway")
PODS = [f"{name}-7c9-{letter * 5}" for name in SERVICES for letter in "ab"]
NO_CLUSTER = {
    "apiVersion": "v1", "kind": "Config", "current-context": "none",
    "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:1"}}],
    "contexts": [{"name": "none", "context": {"cluster": "none"}}],
}  # fmt: skip
STEP, HOURS = 60, 3
WIDE, NARROW = (1400, 900), (375, 800)


def samples(end: float) -> Iterator[Sample]:
    """Three hours of an app: a deployment two hours ago, one that failed half an hour ago and brought errors."""
    deployed, failed = end - 7200, end - 1800

    def of(name: str, number: float, at: float, **labels: str) -> Sample:
        return {"__name__": name, "namespace": NAMESPACE, **labels}, number, at

    for n in range(HOURS * 3600 // STEP + 1):
        at = end - HOURS * 3600 + n * STEP
        wave = 1 + math.sin(n / 12) / 3
        for number, service in enumerate((*SERVICES, HOSTILE)):
            bad = 0.2 if service == HOSTILE and at > failed else 0.001 * number
            yield of("todo:requests:rate", 20 * wave / (number + 1), at, service=service)
            yield of("todo:errors:ratio", bad, at, service=service)
            yield of("todo:latency:p95", 0.04 * (number + 1) * wave, at, service=service)
            for status, share in (("200", 1 - bad), ("503", bad)):
                labels = {"service": service, "route": "/api", "status": status}
                yield of("http_requests_total", 1200 * n * share / (number + 1), at, **labels)
            yield of("kube_deployment_status_replicas_available", 2, at, deployment=service)
            yield of("kube_deployment_spec_replicas", 2, at, deployment=service)
            yield of("kube_deployment_status_replicas_updated", 2 - (abs(at - deployed) < 90), at, deployment=service)
            yield of("kube_deployment_status_observed_generation", 1 + (at > deployed), at, deployment=service)
        for number, name in enumerate((*PODS, HOSTILE)):
            if name == PODS[0] and at > failed:
                continue  # it is gone
            for condition, ready in (("true", name != HOSTILE), ("false", name == HOSTILE)):
                yield of("kube_pod_status_ready", ready, at, pod=name, condition=condition)
            app = {"pod": name, "container": "app"}
            yield of("up", 1, at, pod=name, service=name[:8], version="v1.2.3")
            yield of("kube_pod_container_status_restarts_total", number == 3 and at > failed, at, **app)
            for resource, limit in (("cpu", 0.5), ("memory", 256 * 2**20)):
                yield of("kube_pod_container_resource_limits", limit, at, **app, resource=resource)
            yield of("container_cpu_usage_seconds_total", 0.04 * n * STEP * (number + 1) / 4, at, **app)
            memory = (0.4 + 0.02 * number + 0.001 * n) * 256 * 2**20
            yield of("container_memory_working_set_bytes", memory, at, **app)
        for kind, number in (("used", 11), ("hard", 20)):
            yield of("kube_resourcequota", number, at, resource="pods", resourcequota="quota", type=kind)
        if at > deployed:
            good = at < failed
            labels = of_run(good)
            for name, figure in (("per_day", 0.4), ("lead_seconds", 5400), ("failure_ratio", 0.25)):
                yield of(f"todo:deployments:{name}", figure, at)
            yield of("todo:runs:began_seconds", deployed, at, **of_run(True))
            if not good:
                yield of("todo:runs:began_seconds", failed, at, **of_run(False))
                yield of("todo:run:timestamp_seconds", failed, at, **labels)
            yield of("todo:run:duration_seconds", 82 if good else 140, at, **labels)
            yield of("todo:run:outage_seconds", 0 if good else 0.3, at, **labels)


def of_run(good: bool) -> dict[str, str]:
    """Labels of a run."""
    return {
        "environment": ENVIRONMENT, "run": "deployment", "outcome": "succeeded" if good else "restored",
        "commit": "1f3c5a7" * 5 if good else HOSTILE, "set": "4", "code": "" if good else "crash_loop",
        "failed": "false" if good else "true",
    }  # fmt: skip


def rules() -> dict[str, Any]:
    """Those of the chart, which fire sooner here."""
    given = {"environment": ENVIRONMENT, "namespace": NAMESPACE, "thresholds": {"errorFor": "1s"},
             "services": {name: {"pods": {}, "dapr": False} for name in SERVICES}}  # fmt: skip
    values = merged(minimal_values("observability"), given)
    objects = Helm(cache() / "bin/helm").render("observability", values, "observability", "monitoring")
    groups = pick(objects, "PrometheusRule")["spec"]["groups"]
    return {"groups": [{**group, "interval": "1s"} for group in groups]}


def page_from(url: str, folder: Path, file: str, *more: str) -> str:
    """The path of the page that the playbook wrote."""
    given = {
        "environment_name": ENVIRONMENT, "environment_namespace": NAMESPACE, "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable, "monitoring_prometheus_url": url,
        "cluster_kubeconfig": str(folder / "kubeconfig"),
    }  # fmt: skip
    (folder / "kubeconfig").write_text(yaml.safe_dump(NO_CLUSTER))
    (folder / "inventory.yml").write_text(
        yaml.safe_dump({"all": {"vars": given, "children": {"environment": {"hosts": {"namespace": {}}}}}})
    )
    options = ["-i", str(folder / "inventory.yml"), "-e", f"dashboard_file={folder / file}", *more]
    began = time.monotonic()
    done = subprocess.run(
        ["ansible-playbook", "playbooks/dashboard.yml", *options], cwd=TOP, capture_output=True, text=True, check=False,
        env={**os.environ, "TZ": "Asia/Tokyo"},  # times are in UTC wherever it is written
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    size = (folder / file).stat().st_size
    print(f"\n{file}: {size / 1024:.0f} KiB, written in {time.monotonic() - began:.1f} s")
    return f"file://{folder / file}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dashboard")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """A Prometheus with three hours of samples, in which two alerts fire."""
    write(folder, samples(time.time()))
    (folder / "rules.yml").write_text(yaml.safe_dump(rules()))
    settings = {"global": {"evaluation_interval": "1s"}, "rule_files": ["rules.yml"]}
    with prometheus(folder, settings) as address:

        def fires() -> bool:
            text = answer(f"{address}/api/v1/alerts")
            return text.count('"firing"') >= 2

        eventually("two alerts fire", fires)
        yield address


def answer(address: str) -> str:
    """An answer; empty while there is none."""
    try:
        return httpx.get(address, trust_env=False).text
    except httpx.HTTPError:
        return ""


@pytest.fixture(scope="module")
def window(folder: Path) -> Iterator[Browser]:
    with browser(folder / "browser", {}) as found:
        yield found


@pytest.fixture(scope="module")
def page(url: str, window: Browser, folder: Path) -> Browser:
    """The page, opened."""
    address = page_from(url, folder, "page.html")
    window.show(*WIDE, dark=False)
    window.open(address)
    return window


def keep(name: str, content: bytes) -> None:
    if where := os.environ.get("TODO_CLOUD_PICTURES"):
        (Path(where) / name).write_bytes(content)


def cells(page: Browser, title: str) -> list[list[str]]:
    """Of the table below a title, as they are seen."""
    script = f"""
    const section = [...document.querySelectorAll('section')].find(s => s.querySelector('h2').innerText == {title!r});
    return [...section.querySelectorAll('tbody tr')].map(row => [...row.cells].map(cell => cell.innerText));"""
    return list(page.ask(script))


def test_what_is_wrong_stands_on_top(page: Browser) -> None:
    alerts = page.ask("return [...document.querySelectorAll('.alerts li')].map(each => each.innerText.split('\\n'))")
    assert [each[0].split(" for ")[0] for each in alerts][:2] == [
        "critical: ServiceErrors",
        "warning: DeploymentFailed",
    ]
    assert "answers 20% of its requests with 5xx" in alerts[0][-1]
    assert alerts[0][-1].endswith("(what to do)")
    assert [row[1:] for row in cells(page, "Pods")] == [["not ready", "0"], ["ready", "1"], *[["", ""]] * 8], "folded"
    assert cells(page, "Pods")[1][0] == PODS[3]
    runs = cells(page, "Runs, as numbered in the plots")
    assert [(row[0], row[3]) for row in runs] == [("1", "restored (crash_loop)"), ("2", "succeeded")]
    as_of = page.ask("return document.querySelector('h1 + p').innerText")
    found = re.match(r"As of (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC, plots of the last 3 h", as_of)
    assert found
    assert abs(datetime.fromisoformat(f"{found[1]}+00:00").timestamp() - time.time()) < 1800
    first = page.ask("return document.querySelector('.state').innerText")
    assert first == "Alerts: 1 critical, 1 warning; 9 of 10 pods ready."
    top = page.ask("return document.querySelector('.state').getBoundingClientRect().bottom")
    assert top < WIDE[1] / 3


def test_panels_have_content_and_runs(page: Browser) -> None:
    script = """
    return [...document.querySelectorAll('figure')].map(f => [f.querySelector('figcaption').innerText,
      f.querySelectorAll('svg path[style*="--line"]').length, f.querySelectorAll('svg path[style*="--mark"]').length,
      f.querySelectorAll('svg path[style*="--bad"]').length, f.querySelectorAll('tbody tr').length]);"""
    panels = {title: counts for title, *counts in page.ask(script)}
    drawn = {title: counts for title, counts in panels.items() if counts[0]}
    assert set(drawn) >= {
        "Pods ready", "Requests", "Answered with 5xx", "Latency, 95 % of the requests", "CPU, of the limit",
        "Memory, of the limit", "Restarts within an hour", "Replicas available", "Quota used", "Changes within a day",
        "Versions that answer", "Seconds of the last run", "Longest outage of the last run",
        "Deployments a day, over 30 days", "Lead time for changes, median of 30 days",
        "Change failure rate, over 30 days",
    }  # fmt: skip
    assert {counts[1] for counts in drawn.values()} == {2}, "both runs are in each plot"
    limited = {title for title, counts in drawn.items() if counts[2]}
    assert limited == {"CPU, of the limit", "Memory, of the limit", "Quota used"}
    gone = page.ask("return [...document.querySelectorAll('figure td')].filter(c => /^until/.test(c.innerText)).length")
    assert gone >= 2, "a pod that is gone says until when it was there"


def test_nothing_runs_and_nothing_is_loaded(page: Browser) -> None:
    assert page.said() == []
    found = "[document.title, document.scripts.length, performance.getEntriesByType('resource').length]"
    assert page.ask(f"return {found}") == [f"Todo: {ENVIRONMENT}", 0, 0]
    shown = page.ask("return document.body.innerText")
    assert shown.count("<script>document.title='hacked'</script>") >= 5, "as text"
    assert "\u202e" not in shown
    blocked = page.wait("""
    const done = arguments[0];
    document.addEventListener('securitypolicyviolation', event => done(event.effectiveDirective));
    const script = document.createElement('script');
    script.textContent = "document.title = 'hacked'";
    document.body.append(script);
    script.remove();""")
    assert blocked == "script-src-elem"
    assert page.ask("return document.title") == f"Todo: {ENVIRONMENT}"
    page.said()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_it_can_be_read(page: Browser, size: tuple[int, int], dark: bool) -> None:
    page.show(*size, dark=dark)
    try:
        keep(f"{'dark' if dark else 'light'}-{size[0]}.png", page.picture())
        assert page.ask("return document.documentElement.scrollWidth") <= size[0], "no scrolling to the side"
        red, green, blue = re.findall(r"\d+", page.ask("return getComputedStyle(document.body).backgroundColor"))[:3]
        assert (int(red) + int(green) + int(blue) < 200) is dark
        ink = page.ask("return getComputedStyle(document.querySelector('figure svg text')).fill")
        assert (sum(map(int, re.findall(r"\d+", ink))) > 384) is dark
        smallest = page.ask("""
        const scale = document.querySelector('figure svg').getBoundingClientRect().width / 302.4;
        return scale * parseFloat(getComputedStyle(document.querySelector('figure svg text')).fontSize);""")
        assert smallest >= 9, "pixels"
        assert problems(page) == []
    finally:
        page.show(*WIDE, dark=False)


def test_it_prints_in_light_colours(page: Browser) -> None:
    page.show(*WIDE, dark=True)
    try:
        file = page.printed()
    finally:
        page.show(*WIDE, dark=False)
    keep("page.pdf", file)
    assert file.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", file)) <= 12


def test_old_data_is_said(url: str, window: Browser, folder: Path) -> None:
    old = folder / "old"
    old.mkdir()
    write(old, ((labels, number, at - 900) for labels, number, at in samples(time.time())))
    with prometheus(old, {}) as address:
        eventually("it answers", lambda: answer(f"{address}/-/ready"))
        window.open(page_from(address, folder, "old.html"))
        told = window.ask("return document.querySelector('.state').innerText")
        assert re.fullmatch(r"The newest sample is 1[5-7] min old: what happened since is not below\.", told)
        window.open(page_from(address, folder, "other.html", "-e", "environment_namespace=todo-other"))
        told = window.ask("return document.querySelector('.state').innerText")
        assert told.startswith("No sample of todo-other within 3 h: Prometheus does not read it")
