"""The exact argument lists for Helm 4 and 3, and that nothing secret or foreign gets to or from the program."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError, error
from ansible_collections.todo.cloud.plugins.module_utils.helm import cli as cli_module
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.helm.process import Completed, TookTooLong
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest, Rendered
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import Check, always_allowed
from ansible_collections.todo.cloud.plugins.module_utils.proxies import proxy_for

KUBECONFIG = {"users": [{"name": "x", "user": {"token": "canary-token"}}]}


@dataclass
class Fake:
    """A Helm program that answers what it is given and notes how it was called."""

    version: str = "v4.3.1"
    answer: Completed | Exception = field(default_factory=lambda: Completed(0, "", ""))
    calls: list[list[str]] = field(default_factory=list)
    stdin: list[bytes] = field(default_factory=list)
    env: list[Mapping[str, str]] = field(default_factory=list)
    kubeconfigs: list[Any] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)

    def __call__(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes,
        env: Mapping[str, str],
        pass_fds: Sequence[int],
        timeout: float,
        check: Check = always_allowed,
    ) -> Completed:
        self.calls.append(list(argv))
        self.stdin.append(stdin)
        self.env.append(env)
        self.timeouts.append(timeout)
        if argv[1] == "version":
            return Completed(0, self.version, "")
        with open(env["KUBECONFIG"], encoding="utf-8") as file:
            self.kubeconfigs.append(json.load(file))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


REQUEST = ApplyRequest(
    name="api",
    namespace="ns",
    chart="/charts/service",
    values={"a": "0123", "b": None},
    labels={"todo.cloud/inputs": "abc", "todo.cloud/revision": "3"},
    timeout=60,
    history_max=40,
)
BASE = [
    "helm", "upgrade", "--install", "api", "/charts/service", "--namespace", "ns", "--values", "-", "--reset-values",
    "--disable-openapi-validation", "--history-max", "40", "--timeout", "60s",
    "--labels", "todo.cloud/inputs=abc,todo.cloud/revision=3",
]  # fmt: skip


@pytest.mark.parametrize("version", ["v4.3.1", "v3.22.0"])
def test_apply_is_the_same_line_in_both_majors(version: str) -> None:
    fake = Fake(version)
    HelmCli(lambda: KUBECONFIG, "helm", fake).apply(REQUEST)
    assert fake.calls == [["helm", "version", "--template", "{{.Version}}"], BASE]
    assert json.loads(fake.stdin[1]) == {"a": "0123", "b": None}
    assert fake.kubeconfigs == [KUBECONFIG]
    assert fake.timeouts[1] == 90


def test_apply_with_everything() -> None:
    fake = Fake()
    request = ApplyRequest(
        "api", "ns", "oci://r/c", {}, "1.2.3", force_conflicts=True, skip_crds=True, description="by x", timeout=5
    )
    HelmCli(lambda: KUBECONFIG, "/opt/helm", fake).apply(request)
    assert fake.calls[1] == [
        "/opt/helm", "upgrade", "--install", "api", "oci://r/c", "--namespace", "ns", "--values", "-", "--reset-values",
        "--disable-openapi-validation", "--history-max", "40", "--timeout", "5s", "--version", "1.2.3",
        "--description", "by x", "--skip-crds", "--force-conflicts",
    ]  # fmt: skip
    assert fake.stdin[1] == b"{}\n"


def test_integers_that_helm_would_write_with_an_exponent_are_set() -> None:
    fake = Fake()
    HelmCli(lambda: KUBECONFIG, "helm", fake).apply(ApplyRequest("api", "ns", "/c", {"n": {"big": 12345678}}))
    assert fake.calls[1][-2:] == ["--set", "n.big=12345678"]
    assert json.loads(fake.stdin[1]) == {"n": {"big": 12345678}}


def test_helm_3_has_no_conflicts_to_force() -> None:
    fake = Fake("v3.22.0+g1234")
    with pytest.raises(TodoCloudError, match="needs Helm 4"):
        HelmCli(lambda: KUBECONFIG, "helm", fake).apply(ApplyRequest("api", "ns", "/c", {}, force_conflicts=True))
    assert [call[1] for call in fake.calls] == ["version"]


@pytest.mark.parametrize("version", ["v4.3.1", "v3.18.0"])
def test_rollback_names_its_revision(version: str) -> None:
    fake = Fake(version)
    HelmCli(lambda: KUBECONFIG, "helm", fake).rollback("api", "ns", 7, timeout=30, history_max=9)
    expected = ["helm", "rollback", "api", "7", "--namespace", "ns", "--history-max", "9", "--timeout", "30s"]
    assert fake.calls[1] == expected


@pytest.mark.parametrize("revision", [0, -1])
def test_there_is_no_rollback_to_the_one_before(revision: int) -> None:
    fake = Fake()
    with pytest.raises(TodoCloudError) as caught:
        HelmCli(lambda: KUBECONFIG, "helm", fake).rollback("api", "ns", revision)
    assert caught.value.failure.code is Code.INVALID_INPUT
    assert fake.calls == []


def test_uninstall() -> None:
    fake = Fake()
    HelmCli(lambda: KUBECONFIG, "helm", fake).uninstall("api", "ns", timeout=10)
    assert fake.calls[1] == ["helm", "uninstall", "api", "--namespace", "ns", "--ignore-not-found", "--timeout", "10s"]


def test_render_reads_the_manifest_also_after_chatter() -> None:
    fake = Fake(answer=Completed(0, 'Pulled: r/c:1\nDigest: sha256:1\n{"manifest": "kind: X\\n"}', ""))
    assert HelmCli(lambda: KUBECONFIG, "helm", fake).render(REQUEST).manifest == "kind: X\n"
    assert fake.calls[1] == [*BASE, "--dry-run=server", "--output", "json"]


@pytest.mark.parametrize(("said", "skipped"), [
    ('level=INFO msg="skipping unknown hooks" hookTypes=pre-instal\n'
     'level=INFO msg="skipping unknown hooks" hookTypes="a, \\"b"\nlevel=WARN msg=x\n', ("pre-instal", 'a, "b')),
    ('level=INFO msg="skipping unknown hooks" hookTypes=""\n', ("",)),
    ('manifest_sorter.go:199: info: skipping unknown hook: "pre-instal"\n', ("pre-instal",)),  # Helm 3
    ("WARNING: chart is deprecated\n", ()),
])  # fmt: skip
def test_hooks_that_helm_left_out(said: str, skipped: tuple[str, ...]) -> None:
    fake = Fake(answer=Completed(0, '{"manifest": ""}', said))
    assert HelmCli(lambda: KUBECONFIG, "helm", fake).render(REQUEST).skipped == skipped


def test_render_that_prints_no_release_is_a_failure() -> None:
    fake = Fake(answer=Completed(0, "nothing", ""))
    with pytest.raises(TodoCloudError, match="printed no release"):
        HelmCli(lambda: KUBECONFIG, "helm", fake).render(REQUEST)


def test_render_is_asked_again_after_a_passing_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_module, "_RETRY_SECONDS", (0.0, 0.0))
    fake = Fake(answer=Completed(1, "", "Error: etcdserver: leader changed"))
    with pytest.raises(TodoCloudError, match="leader changed"):
        HelmCli(lambda: KUBECONFIG, "helm", fake).render(REQUEST)
    assert len(fake.calls) == 1 + 3
    final = Fake(answer=Completed(1, "", "Error: template: x.yaml:1: bad"))
    with pytest.raises(TodoCloudError, match="bad"):
        HelmCli(lambda: KUBECONFIG, "helm", final).render(REQUEST)
    assert len(final.calls) == 1 + 1


@pytest.mark.parametrize("write", ["apply", "rollback", "uninstall"])
def test_under_a_lock_every_write_asks_it_before_helm_begins(write: str) -> None:
    fake = Fake()
    helm = HelmCli(lambda: KUBECONFIG, "helm", fake)

    def lost(sure: bool = True) -> None:
        raise error(Code.LOCK_LOST, "lost")

    calls: dict[str, Callable[[HelmCli], None]] = {
        "apply": lambda helm: helm.apply(REQUEST),
        "rollback": lambda helm: helm.rollback("api", "ns", 1),
        "uninstall": lambda helm: helm.uninstall("api", "ns"),
    }
    with pytest.raises(TodoCloudError):
        calls[write](helm.guarded(lost))
    assert fake.calls == []
    calls[write](helm)
    assert (helm.calls, helm.guarded(lost).calls) == (1, 1)


def test_the_version_is_asked_once() -> None:
    fake = Fake()
    cli = HelmCli(lambda: KUBECONFIG, "helm", fake)
    for _ in range(3):
        cli.uninstall("api", "ns")
    assert [call[1] for call in fake.calls].count("version") == 1
    assert cli.calls == 3


def test_the_callers_helm_and_kube_settings_do_not_get_through(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("HELM_DRIVER", "HELM_NAMESPACE", "HELM_KUBETOKEN", "KUBECONFIG", "KUBE_EDITOR"):
        monkeypatch.setenv(key, "foreign")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    fake = Fake()
    HelmCli(lambda: KUBECONFIG, "helm", fake).uninstall("api", "ns")
    for env in fake.env:
        assert not [key for key, value in env.items() if value == "foreign"]
        assert env["HTTPS_PROXY"] == "http://proxy"


def test_no_credential_and_no_value_is_on_the_command_line_or_left_on_disk() -> None:
    fake = Fake()
    HelmCli(lambda: KUBECONFIG, "helm", fake).apply(ApplyRequest("api", "ns", "/c", {"text": "canary-value"}))
    assert "canary" not in str(fake.calls)
    path = fake.env[1]["KUBECONFIG"]
    assert not os.path.exists(path), "the memory file is gone with the call"


@pytest.mark.parametrize("problem", [FileNotFoundError("helm"), PermissionError("helm")])
def test_a_missing_program_is_reported_in_one_sentence(problem: Exception) -> None:
    def run(*args: Any, **kwargs: Any) -> Completed:
        raise problem

    with pytest.raises(TodoCloudError, match="install Helm 4, or name it in helm_binary") as caught:
        HelmCli(lambda: KUBECONFIG, "helm", run).uninstall("api", "ns")
    assert caught.value.failure.code is Code.HELM_MISSING


def test_a_call_that_never_ends_is_ended() -> None:
    fake = Fake(answer=TookTooLong("x"))
    with pytest.raises(TodoCloudError, match=r"^api: helm uninstall was killed after 330 s"):
        HelmCli(lambda: KUBECONFIG, "helm", fake).uninstall("api", "ns")


def test_a_failed_call_names_the_release() -> None:
    fake = Fake(answer=Completed(1, "", "Error: UPGRADE FAILED: something odd\n"))
    with pytest.raises(TodoCloudError) as caught:
        HelmCli(lambda: KUBECONFIG, "helm", fake).apply(REQUEST)
    assert caught.value.failure.message == "api: helm upgrade failed: something odd"
    assert caught.value.failure.details["release"] == "api"


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (Completed(-9, "", ""), "killed by signal 9: somebody ended it"),
        (Completed(-9, "", "", out_of_memory=True), "killed by signal 9: the kernel ran out of memory"),
        (Completed(137, "", "Killed"), "killed by signal 9"),
        (Completed(-15, "", ""), "killed by signal 15"),
    ],
)
def test_a_helm_that_was_killed_is_told_as_that(done: Completed, words: str) -> None:
    with pytest.raises(TodoCloudError, match=words) as caught:
        HelmCli(lambda: KUBECONFIG, "helm", Fake(answer=done)).apply(REQUEST)
    assert caught.value.failure.code is (Code.CONTROLLER_EXHAUSTED if done.out_of_memory else Code.HELM_FAILED)
    assert caught.value.failure.message.startswith("api: helm upgrade was killed")


def test_a_nul_character_is_one_sentence() -> None:
    """No program can be given it."""
    with pytest.raises(TodoCloudError, match=r"^api: a name or value for Helm contains a NUL character") as caught:
        HelmCli(lambda: KUBECONFIG, "helm", Fake()).apply(replace(REQUEST, values={"a\0b": 12345678}))
    assert caught.value.failure.code is Code.INVALID_INPUT


def test_killed_while_it_says_its_version_or_renders() -> None:
    def run(*_: Any, **__: Any) -> Completed:
        return Completed(-9, "", "")

    cli = HelmCli(lambda: KUBECONFIG, "helm", run)
    with pytest.raises(TodoCloudError, match=r"^helm version was killed by signal 9"):
        cli.version  # noqa: B018 reading it asks Helm
    with pytest.raises(TodoCloudError, match=r"^api: helm template was killed by signal 9"):
        cli.template(REQUEST)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOSPC])
def test_a_machine_that_cannot_start_it(number: int) -> None:
    def run(*_: Any, **__: Any) -> Completed:
        raise OSError(number, os.strerror(number))

    with pytest.raises(TodoCloudError, match=os.strerror(number)) as caught:
        HelmCli(lambda: KUBECONFIG, "helm", run).apply(REQUEST)
    assert caught.value.failure.code is Code.CONTROLLER_EXHAUSTED


def test_a_helm_that_was_stopped_is_told_as_that() -> None:
    fake = Fake(answer=TookTooLong("pid 1", stopped=True))
    with pytest.raises(TodoCloudError, match=r"was killed after 90 s\. It was stopped \(SIGSTOP\)"):
        HelmCli(lambda: KUBECONFIG, "helm", fake).apply(REQUEST)


@pytest.mark.parametrize(
    ("name", "passed"),
    [
        ("HELM_CONFIG_HOME", True), ("HELM_CACHE_HOME", True), ("HELM_DATA_HOME", True), ("HELM_PLUGINS", True),
        ("HELM_REPOSITORY_CONFIG", True), ("HELM_REPOSITORY_CACHE", True), ("HELM_REGISTRY_CONFIG", True),
        ("HELM_CONTENT_CACHE", True), ("HELM_NO_PLUGINS", True), ("HELM_BURST_LIMIT", True), ("HELM_QPS", True),
        ("HELM_DRIVER", False), ("HELM_NAMESPACE", False), ("HELM_KUBECONTEXT", False), ("HELM_KUBEASUSER", False),
        ("HELM_KUBEAPISERVER", False), ("HELM_KUBEINSECURE_SKIP_TLS_VERIFY", False), ("HELM_DEBUG", False),
        ("HELM_DRIVER_SQL_CONNECTION_STRING", False), ("KUBECTL_X", False), ("XDG_CONFIG_HOME", True),
    ],
)  # fmt: skip
def test_helm_keeps_its_own_settings(monkeypatch: pytest.MonkeyPatch, name: str, passed: bool) -> None:
    monkeypatch.setenv(name, "value")
    fake = Fake()
    HelmCli(lambda: KUBECONFIG, "helm", fake).uninstall("api", "ns")
    assert (fake.env[-1].get(name) == "value") is passed


@pytest.mark.parametrize("proxy_url", ["", "http://proxy.example:3128"])
def test_helm_reaches_the_api_server_as_the_kubeconfig_says(monkeypatch: pytest.MonkeyPatch, proxy_url: str) -> None:
    server = "https://api.example.com:6443"
    monkeypatch.setenv("HTTPS_PROXY", "http://other.example:3128")
    monkeypatch.setenv("no_proxy", "a.example")
    cluster = {"server": server, **({"proxy-url": proxy_url} if proxy_url else {})}
    fake = Fake()
    HelmCli(lambda: {"clusters": [{"name": "x", "cluster": cluster}]}, "helm", fake).uninstall("api", "ns")
    assert (proxy_for(server, fake.env[-1]) == "") is (proxy_url == "")
    assert proxy_for("https://registry.example", fake.env[-1]) == "http://other.example:3128"
    assert proxy_for("https://a.example", fake.env[-1]) == ""


def test_what_a_chart_brings_in_its_folder_crds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_module, "_RETRY_SECONDS", (0.0, 0.0))
    answers = [Completed(1, "", "Error: net/http: TLS handshake timeout"), Completed(0, "kind: x", "")]
    calls: list[Sequence[str]] = []

    def run(argv: Sequence[str], **_: Any) -> Completed:
        calls.append(argv)
        return answers.pop(0)

    assert HelmCli(lambda: KUBECONFIG, "helm", run).crds(replace(REQUEST, chart_version="1.2.3")) == "kind: x"
    assert calls == [["helm", "show", "crds", "/charts/service", "--version", "1.2.3"]] * 2
    answers.append(Completed(1, "", "Error: no such chart"))
    with pytest.raises(TodoCloudError, match=r"^api: "):
        HelmCli(lambda: KUBECONFIG, "helm", run).crds(REQUEST)


def test_a_chart_of_hooks_only_is_rendered() -> None:
    """Helm then leaves the manifest out."""
    release = {"name": "api", "info": {"status": "pending-install"}, "hooks": [{"manifest": "kind: Job"}]}
    fake = Fake(answer=Completed(0, json.dumps(release), ""))
    assert HelmCli(lambda: KUBECONFIG, "helm", fake).render(REQUEST) == Rendered("", ("kind: Job",))
