"""Real processes of the stand-in services, a real PostgreSQL, and a small stateful stand-in of the Dapr sidecar."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.cluster.paths import cache
from tests.unit.apps import postgres as pg
from tests.unit.apps.processes import APPS, Answer, Launcher, Running
from tests.unit.apps.sidecar import Sidecar

SECRET_KEY = "a-key-for-tests-of-32-bytes-or-more"
SERVICE_TOKEN = "a-token-for-tests"


def _dependencies() -> Path:
    """examples/todo-app/requirements.txt in a folder of its own, beside the tools' venv: installed once, then reused.

    Two runs at once may both install; the first to finish wins.
    """
    requirements = APPS / "requirements.txt"
    key = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = cache() / f"todo-app-deps-{key}"
    if folder.is_dir():
        return folder
    cache().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache(), prefix="todo-app-deps-new-") as fresh:
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-cache-dir", "--target", f"{fresh}/deps"]
        done = subprocess.run([*pip, "-r", str(requirements)], capture_output=True, text=True)
        assert done.returncode == 0, f"pip could not install {requirements}: {done.stderr[-2000:]}"
        try:
            os.rename(f"{fresh}/deps", folder)
        except OSError:
            assert folder.is_dir()
    return folder


@pytest.fixture(scope="session")
def dependencies() -> Path:
    return _dependencies()


@pytest.fixture(scope="session")
def postgres() -> Iterator[pg.Postgres]:
    assert shutil.which("psql"), "psql is missing; install the package postgresql-client"
    with pg.server() as running:
        yield running


@pytest.fixture(scope="module")
def launcher(dependencies: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    launcher = Launcher(dependencies, tmp_path_factory.mktemp("logs"))
    yield launcher
    launcher.kill_all()


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    """One for all services of a module; at the end, nothing improper may have been published."""
    sidecar = Sidecar()
    yield sidecar
    sidecar.close()
    assert sidecar.problems == []


@pytest.fixture(autouse=True)
def _sidecar_in_order(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test did to the sidecar is undone."""
    yield
    if "sidecar" in request.fixturenames:
        sidecar = request.getfixturevalue("sidecar")
        sidecar.healthy, sidecar.answer, sidecar.keeps_state = True, "ok", True


@pytest.fixture(scope="module")
def database(postgres: pg.Postgres) -> str:
    """The name of an empty database."""
    name = f"todo_{uuid4().hex[:12]}"
    postgres.sql("postgres", f'CREATE DATABASE "{name}"')
    return name


@dataclass(frozen=True)
class User:
    id: str
    name: str
    token: str
    password: str = "correct horse battery"


@pytest.fixture(scope="module")
def start_backend(launcher: Launcher, postgres: pg.Postgres, database: str, sidecar: Sidecar) -> Callable[..., Running]:
    """Starts a replica of backend-api on the module's database."""

    def start(**env: Any) -> Running:
        settings: dict[str, Any] = {
            "DATABASE_URL": postgres.url(database),
            "SECRET_KEY": SECRET_KEY,
            "SERVICE_TOKEN": SERVICE_TOKEN,
            "DAPR_HTTP_PORT": sidecar.port,
            "APP_VERSION": "v1.0.0",
        }
        return launcher.start("backend_api", **settings | env)

    return start


@pytest.fixture(scope="module")
def backend(start_backend: Callable[..., Running]) -> Running:
    return start_backend()


@pytest.fixture
def new_user(backend: Running) -> Callable[[], User]:
    """Registers users."""

    def new() -> User:
        name = f"user-{uuid4().hex[:10]}"
        answer = backend.call("POST", "/api/auth/register", {"username": name, "password": User.password})
        assert answer.status == 201, answer.body
        return User(answer.json["user"]["id"], name, answer.json["token"])

    return new


@pytest.fixture
def user(new_user: Callable[[], User]) -> User:
    return new_user()


@pytest.fixture(scope="module")
def start_frontend(launcher: Launcher) -> Callable[..., Running]:
    def start(backend_url: str, **env: Any) -> Running:
        settings: dict[str, Any] = {"BACKEND_URL": backend_url, "DAPR_ENABLED": "false", "APP_VERSION": "v1.0.0"}
        return launcher.start("frontend", **settings | env)

    return start


def register(frontend: Running, **headers: str) -> tuple[Answer, str]:
    """A new user; the answer and the cookie to send."""
    given = {"username": f"user-{uuid4().hex[:10]}", "password": "correct horse battery"}
    answer = frontend.call("POST", "/api/auth/register", given, headers=headers)
    return answer, answer.headers.get("set-cookie", "").split(";")[0]
