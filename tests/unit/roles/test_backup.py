"""The script of the role backup, as busybox runs it: with a real PostgreSQL, and a broker's folder of files."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.ansible_runs import TOP
from tests.unit.apps import postgres as pg

SCRIPT = TOP / "roles/backup/files/backup.sh"
ROWS = """
create table t(id serial primary key, x text, y numeric, z jsonb, w bytea, at timestamptz default now());
insert into t(x, y, z, w) select md5(i::text), i / 7.0, jsonb_build_object('i', i), decode(md5(i::text), 'hex')
from generate_series(1, 500) i;
create table empty(a int); create schema "Odd S"; create table "Odd S"."T-1"(a text);
insert into "Odd S"."T-1" values ('x'); create view v as select * from t;
"""
Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def server() -> Iterator[pg.Postgres]:
    with pg.server() as found:
        yield found


@pytest.fixture
def script(tmp_path: Path, server: pg.Postgres) -> Script:
    """Runs it in folders of the test's own; ``PGDATABASE`` and the like by keyword."""
    for name in ("backups", "data", "tmp"):
        (tmp_path / name).mkdir()

    def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        given = {
            "PATH": os.environ["PATH"], "BACKUPS": f"{tmp_path}/backups", "DATA": f"{tmp_path}/data", "KEEP": "2",
            "TMPDIR": f"{tmp_path}/tmp", "PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "todo",
        }  # fmt: skip
        return subprocess.run(
            ["busybox", "sh", str(SCRIPT), *arguments],
            env={**given, **env}, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip

    return run


def dumps(folder: Path, suffix: str = "dump") -> list[str]:
    return sorted(path.name for path in (folder / "backups").iterdir() if path.name.endswith(f".{suffix}"))


def test_a_dump_is_restored_whole_to_an_empty_database_only(
    script: Script, server: pg.Postgres, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        server.sql("postgres", f"create database {name}")
    server.sql("a", ROWS)
    done = script("dump", PGDATABASE="a")
    assert done.returncode == 0, done.stderr
    (name,) = dumps(tmp_path)

    restored = script("restore", PGDATABASE="b")
    assert restored.returncode == 0, restored.stderr
    assert restored.stdout == f"{name}: restored, 4 tables and sequences with the digests of the dump\n"
    assert server.sql("b", "select count(*), sum(y), max(at) from t") == server.sql(
        "a", "select count(*), sum(y), max(at) from t"
    )
    assert server.sql("b", "select nextval('t_id_seq')") == [["501"]]

    server.sql("b", "update t set x = 'newer' where id = 7")
    refused = script("restore", PGDATABASE="b")
    assert refused.returncode != 0
    assert refused.stderr == ('the database b at 127.0.0.1 has data ("Odd S"."T-1", public.t): nothing was restored\n')
    assert server.sql("b", "select x from t where id = 7") == [["newer"]]
    told = script("restore", name, PGDATABASE="b", OVERWRITE="true")
    assert told.returncode == 0, told.stderr
    assert server.sql("b", "select x from t where id = 7") == server.sql("a", "select x from t where id = 7")


def test_a_dump_that_is_damaged_or_cannot_be_restored_changes_nothing(
    script: Script, server: pg.Postgres, tmp_path: Path
) -> None:
    for name in ("c", "d"):
        server.sql("postgres", f"create database {name}")
    server.sql("c", ROWS)
    assert "there is no backup (*.dump)" in script("restore", PGDATABASE="d").stderr
    assert script("dump", PGDATABASE="c").returncode == 0
    (name,) = dumps(tmp_path)
    assert "there is no backup x.dump" in script("restore", "x.dump", PGDATABASE="d").stderr

    server.sql("d", "create table t(a int); create view other as select * from t")  # in the way: the view is not ours
    stopped = script("restore", PGDATABASE="d")
    assert stopped.returncode != 0
    assert f"{name} was not restored, the database is as it was" in stopped.stderr
    assert server.sql("d", "select count(*) from other") == [["0"]]
    assert server.sql("d", "select count(*) from pg_namespace where nspname = 'Odd S'") == [["0"]]

    with (tmp_path / "backups" / name).open("ab") as file:
        file.write(b"x")
    assert f"the backup {name} is damaged: its checksum differs" in script("restore", PGDATABASE="d").stderr


def test_so_many_are_kept_and_one_that_was_killed_is_no_backup(
    script: Script, server: pg.Postgres, tmp_path: Path
) -> None:
    server.sql("postgres", "create database e")
    folder = tmp_path / "backups"
    for name in ("20260101T000000Z", "20260102T000000Z", "20260103T000000Z"):
        for suffix in (".dump", ".dump.sha256", ".digest"):
            (folder / f"{name}{suffix}").write_text("x")
    (folder / ".20260104T000000Z.dump").write_text("half")
    assert script("dump", PGDATABASE="e").returncode == 0
    kept = dumps(tmp_path)
    assert (len(kept), kept[0]) == (2, "20260103T000000Z.dump")
    assert len(list(folder.iterdir())) == 6
    failed = script("dump", PGDATABASE="there-is-none")
    assert failed.returncode != 0
    assert 'database "there-is-none" does not exist' in failed.stderr
    assert dumps(tmp_path) == kept


def test_a_brokers_folder_comes_back_and_messages_are_not_overwritten(script: Script, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert "no broker's data" in script("copy-broker").stderr
    for path, text in (
        ("kafka/meta.properties", "id"), ("kafka/__cluster_metadata-0/0.log", "x"), ("users/admin", "u"),
        ("kafka/task-events-0/0.log", "old"), ("kafka/my-topic-1/0.log", ""),
    ):  # fmt: skip
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        (data / path).write_text(text)
    assert script("copy-broker").returncode == 0
    (name,) = dumps(tmp_path, "tar.gz")
    with tarfile.open(tmp_path / "backups" / name) as tar:
        assert {"kafka/task-events-0/0.log", "users/admin"} <= set(tar.getnames())
    (data / "kafka/task-events-0/0.log").write_text("newer")
    refused = script("restore-broker")
    assert refused.returncode != 0
    assert refused.stderr == "the broker has messages (topics task-events): nothing was restored\n"
    (data / "kafka/task-events-0/0.log").write_text("")
    assert script("restore-broker").returncode == 0, "an empty topic may be there"
    assert (data / "kafka/task-events-0/0.log").read_text() == "old"
    (data / "kafka/task-events-0/0.log").write_text("newer")
    assert script("restore-broker", name, OVERWRITE="true").returncode == 0
    assert (data / "kafka/task-events-0/0.log").read_text() == "old"
    assert sorted(path.name for path in data.iterdir()) == ["kafka", "users"]
