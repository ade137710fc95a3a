from __future__ import annotations

import json
import re
from pathlib import Path

import yaml
from ansible_collections.todo.cloud.plugins.modules import release_apply

from tests.execution_environment.image import EXAMPLE, artifact_of

TOP = Path(__file__).resolve().parents[2]


def test_it_has_this_version_and_what_it_depends_on() -> None:
    wanted = {
        each["name"]: each["version"]
        for each in yaml.safe_load((EXAMPLE / "requirements.yml").read_text())["collections"]
    }
    galaxy = yaml.safe_load((TOP / "galaxy.yml").read_text())
    assert wanted == {"todo.cloud": galaxy["version"], **galaxy["dependencies"]}


def test_the_survey_asks_for_variables_that_there_are() -> None:
    spec = {each["variable"]: each for each in json.loads((EXAMPLE / "survey.json").read_text())["spec"]}
    options = yaml.safe_load(release_apply.DOCUMENTATION)["options"]
    assert spec.pop("release_on_failure")["choices"] == options["on_failure"]["choices"]
    (version,) = spec
    assert re.search(
        rf"^{version}:", (TOP / "inventories/staging/group_vars/all/services.yml").read_text(), re.MULTILINE
    )


def test_an_installed_collection_becomes_an_artifact_again(tmp_path: Path) -> None:
    folder = tmp_path / "installed"
    (folder / "plugins").mkdir(parents=True)
    (folder / "plugins/a.py").write_text("")
    files = [
        {"name": ".", "ftype": "dir"},
        {"name": "plugins", "ftype": "dir"},
        {"name": "plugins/a.py", "ftype": "file"},
    ]
    (folder / "FILES.json").write_text(
        json.dumps({"files": [*files, {"name": "tests/b.py", "ftype": "file"}], "format": 1})
    )
    info = {"namespace": "some", "name": "thing", "version": "1.2.3"}
    (folder / "MANIFEST.json").write_text(json.dumps({"collection_info": info, "file_manifest_file": {}}))
    artifact = artifact_of(folder, tmp_path)
    assert artifact.name == "some-thing-1.2.3.tar.gz"
