"""The way out: plain files, and commands a shell takes. tests/integration/releases/test_plan.py really runs them."""

from __future__ import annotations

import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import Watch, parse_waves
from ansible_collections.todo.cloud.plugins.module_utils.releases.export import export
from ansible_collections.todo.cloud.plugins.module_utils.settings import Settings

CHART = str(Path(__file__).parents[5] / "tests" / "fixtures" / "charts" / "sleeper")
SETTINGS = Settings("staging", "todo-staging", timeout=60)


def release(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": "todo-staging", "chart": CHART, "values": {"text": name}, **more}


def test_everything_that_helm_needs_is_there(tmp_path: Path) -> None:
    watch = {"kind": "Secret", "name": "database"}
    remote = release("remote", chart="oci://registry.example.com/charts/x", chart_version="1.2.3", values={})
    waves = parse_waves([[release("api", watches=[watch])], [release("edge"), remote]], "todo-staging")
    files = export(str(tmp_path / "out"), waves, {Watch("Secret", "database"): "0123"}, SETTINGS)
    (chart,) = [name for name in files if name.startswith("charts/")]
    assert set(files) == {"README.md", "api.yaml", "edge.yaml", "remote.yaml", "helm.sh", chart}
    values = yaml.safe_load((tmp_path / "out/api.yaml").read_text())
    assert values == {"text": "api", "podAnnotations": {"todo.cloud/watched": "Secret/database=0123"}}
    assert yaml.safe_load((tmp_path / "out/remote.yaml").read_text()) == {}
    with tarfile.open(tmp_path / "out" / chart) as tar:
        assert "sleeper/Chart.yaml" in tar.getnames()
    script = (tmp_path / "out/helm.sh").read_text()
    assert script.index("install api") < script.index("install edge") < script.index("install remote")
    assert "remote oci://registry.example.com/charts/x --namespace todo-staging --version 1.2.3" in script
    assert subprocess.run(["sh", "-n", str(tmp_path / "out/helm.sh")], check=False).returncode == 0
    assert "`api` watches Secret/database" in (tmp_path / "out/README.md").read_text()


def test_an_export_is_repeated_but_never_mixed_with_something_else(tmp_path: Path) -> None:
    waves = parse_waves([[release("api")]], "todo-staging")
    for _ in range(2):
        export(str(tmp_path / "out"), waves, {}, SETTINGS)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/thesis.txt").write_text("mine")
    for place in ("other", "other/thesis.txt"):
        with pytest.raises(TodoCloudError, match="holds something else") as caught:
            export(str(tmp_path / place), waves, {}, SETTINGS)
        assert caught.value.failure.code is Code.INVALID_INPUT


def test_a_folder_that_cannot_be_written_is_named() -> None:
    with pytest.raises(TodoCloudError, match="/proc/nowhere can't be written"):
        export("/proc/nowhere", parse_waves([[release("api")]], "todo-staging"), {}, SETTINGS)


def test_secret_values_stay_in_the_cluster(tmp_path: Path) -> None:
    values = {"auth": {"user": "app", "password": "hunter2"}, "users": [{"name": "a", "token": "hunter2"}], "n": 1}
    ((spec,),) = parse_waves([[release("db", values=values)]], "todo-staging")
    paths = (("auth", "password"), ("users", 0, "token"), ("users", 0, "name"))
    export(str(tmp_path / "out"), [[replace(spec, secret_values=paths)]], {}, SETTINGS)
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert not any(b"hunter2" in content for content in written.values())
    assert yaml.safe_load(written["db.yaml"]) == {"auth": {"user": "app"}, "n": 1}
    assert b"--values db.yaml --reset-then-reuse-values" in written["helm.sh"]
    assert b"`db`: auth.password, users[0].token" in written["README.md"]


def test_a_link_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").symlink_to("elsewhere")
    with pytest.raises(TodoCloudError, match="is a link"):
        export(str(tmp_path / "out"), parse_waves([[release("api")]], "todo-staging"), {}, SETTINGS)
    assert not list((tmp_path / "elsewhere").iterdir())
