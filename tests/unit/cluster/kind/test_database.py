from __future__ import annotations

from tests.cluster.kind import database


def test_the_database_s_password_is_not_on_the_command_line() -> None:
    argv = database.arguments("local")

    assert argv[:3] == ["run", "--detach", "--name"]
    assert argv[argv.index("POSTGRES_PASSWORD") - 1] == "--env"
    assert argv[argv.index("--network") : argv.index("--network") + 2] == ["--network", "kind"]
