from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import stages, summary

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}])"


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stages, "RESULTS", tmp_path / "results")
    monkeypatch.delenv("TODO_CLOUD_TEST_CLUSTER", raising=False)
    monkeypatch.setenv("LOCAL_CLUSTER", "kind")
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


@pytest.fixture
def begun(results: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that were begun; none of them does anything. ``results/fails`` holds the name of one that fails."""
    found: list[str] = []

    def run(name: str, argv: tuple[str, ...], *, beside: bool = False) -> stages.Stage:
        found.append(name)
        fails = results.parent / "fails"
        stage = stages.Stage(name, int(fails.exists() and fails.read_text() == name), 1, 2)
        with (results / summary.STAGES).open("a") as file:
            file.write(json.dumps({"code": stage.code, "line": str(stage)}) + "\n")
        if name in stages.PARTS:
            (results / f"{name}.xml").write_text("<testsuite><testcase classname='t' name='n' time='1'/></testsuite>")
        return stage

    monkeypatch.setattr(stages, "run", run)
    return found


def test_a_stage_reports_its_seconds_and_the_cpu_time_of_all_its_processes(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = stages.run("unit", [sys.executable, "-c", PARENT])

    assert stage.code == 0
    assert stage.cpu > 0.3
    (kept,) = (results / summary.STAGES).read_text().splitlines()
    assert json.loads(kept)["cpu"] == stage.cpu
    assert capsys.readouterr().out.endswith(f"] {stage}\n")


def test_a_stage_that_fails_says_so(results: Path) -> None:
    stage = stages.run("e2e", [sys.executable, "-c", "raise SystemExit(3)"])

    assert stage.code == 3
    assert str(stage).startswith("e2e: FAILED after ")


def test_the_cluster_s_share_is_named() -> None:
    assert str(stages.Stage("e2e", 0, 90.4, 60.2, 30.6)) == "e2e: 90 s, 60 s of CPU and 31 s of the cluster's"


def test_one_part_runs_alone(begun: list[str]) -> None:
    assert stages.main(["unit"]) == 0
    assert begun == ["build", "unit"]


def test_lint_needs_no_build(begun: list[str]) -> None:
    assert stages.main(["lint"]) == 0
    assert begun == ["lint"]


def test_a_stage_beside_another_prints_its_output_in_one_piece_when_it_ends(
    results: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = "import os; os.write(1, b'one\\n'); os.write(2, b'two\\n')"
    stage = stages.run("unit", [sys.executable, "-c", script], beside=True)

    out, err = capfd.readouterr()
    assert (out.splitlines()[:2], err) == (["one", "two"], "")
    assert out.splitlines()[2].endswith(str(stage))


def test_what_needs_a_cluster_runs_beside_what_needs_none(
    begun: list[str], results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[tuple[str, ...]] = []

    def started(argv: tuple[str, ...], **kwargs: object) -> subprocess.CompletedProcess[str]:
        commands.append(argv)
        stages.main(["--here", *argv[argv.index("--here") + 1 :]])
        return subprocess.CompletedProcess(argv, 0)

    monkeypatch.setattr(stages.subprocess, "run", started)
    assert stages.main([]) == 0
    assert sorted(begun) == ["build", "e2e", "integration", "lint", "molecule", "unit"]
    assert begun.index("unit") < begun.index("molecule"), "two clusters at most, and never three test runs at once"
    assert begun.index("lint") < begun.index("unit")
    assert begun.index("e2e") < begun.index("integration"), "which begins on a cluster without the platform"
    assert list(commands[0][-2:]) == ["e2e", "integration"]


@pytest.mark.parametrize(("part", "provider"), [("e2e", "kind"), ("integration", "local")])
def test_integration_tests_run_on_the_bare_machine_cluster_only(
    begun: list[str], monkeypatch: pytest.MonkeyPatch, part: str, provider: str
) -> None:
    monkeypatch.setattr(stages.subprocess, "run", lambda argv, **_: subprocess.CompletedProcess(argv, 0))
    stages.main([part])
    assert os.environ["LOCAL_CLUSTER"] == provider


@pytest.mark.parametrize(
    ("parts", "command"),
    [
        (["unit"], ["--tools"]),
        (["molecule"], ["--kind", "test"]),
        (["unit", "molecule"], ["--tests", "--kind", "test"]),
        (["e2e"], ["--tests", "--https", "test"]),
    ],
)
def test_what_is_built_is_what_the_parts_need(
    results: Path, monkeypatch: pytest.MonkeyPatch, parts: list[str], command: list[str]
) -> None:
    built: list[str] = []

    def run(name: str, argv: tuple[str, ...], **_: object) -> stages.Stage:
        built.extend(argv[argv.index("build") + 1 :])
        return stages.Stage(name, 1, 0, 0)

    monkeypatch.setattr(stages, "run", run)
    assert stages._build(parts) == 1
    assert built == command


def test_after_failed_unit_tests_molecule_runs_nevertheless(begun: list[str], results: Path) -> None:
    (results.parent / "fails").write_text("unit")

    assert stages.main(["unit", "molecule"]) == 1
    assert begun == ["build", "unit", "molecule"]


def test_kind_s_share_is_what_molecule_has_measured_before_it_removed_the_cluster(results: Path) -> None:
    (results / "molecule.cpu").write_text("41.5")

    assert str(stages.run("molecule", [sys.executable, "-c", ""])).endswith(" and 42 s of the cluster's")
    assert stages.run("unit", [sys.executable, "-c", ""]).cluster_cpu == 0


def test_after_a_failed_build_nothing_begins(begun: list[str], results: Path) -> None:
    (results.parent / "fails").write_text("build")

    assert stages.main(["unit", "e2e", "molecule"]) == 1
    assert begun == ["build"]


def test_after_a_failed_lint_no_unit_test_begins(
    begun: list[str], results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results.parent / "fails").write_text("lint")

    assert stages.main(["lint", "unit"]) == 1
    assert sorted(begun) == ["build", "lint"]
    assert capsys.readouterr().out.splitlines()[:2] == ["failed:", "  lint: FAILED after 1 s, 2 s of CPU"]


def test_after_a_failed_part_the_next_one_begins(begun: list[str], results: Path) -> None:
    (results.parent / "fails").write_text("integration")

    assert stages.main(["--here", "integration", "e2e"]) == 1
    assert begun == ["integration", "e2e"]


def test_a_part_that_there_is_not_is_refused(begun: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        stages.main(["units"])

    assert begun == []
    assert "there is no part units: choose from lint, unit, e2e, integration, molecule" in capsys.readouterr().err
