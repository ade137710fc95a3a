"""A login is tried once for each content of its Secret."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.logins.record import recorded

from tests.support.fake_kube import FakeKube
from tests.support.logins import URL, Cluster, checked, refused


def test_it_is_tried_once_for_each_content_of_the_secret() -> None:
    kube = Cluster()
    first, again = checked(kube), checked(kube)
    assert (first.tried, first.changed, again.tried, again.changed) == (True, True, False, False)
    assert first.about == "PostgreSQL 17.2, TLSv1.3"
    assert again.line == (
        "database: PostgreSQL 17.2, TLSv1.3, at db.example.com:5432 (tried before, with the same Secret)"
    )
    kube.secret(url=URL.replace("hunter2", "hunter3"))
    assert checked(kube).tried
    assert not checked(kube).tried
    assert checked(kube, tls="").tried, "something else is asked of it"


def test_check_mode_says_that_it_would_be_tried_and_writes_nothing() -> None:
    kube = Cluster()
    report = checked(kube, check=True)
    assert "would be tried (its Secret is new or changed)" in report.line
    assert (kube.writes, report.tried) == ([], False)
    empty = FakeKube()
    assert "once Secret database is in namespace todo" in checked(empty, check=True).line


def test_a_failure_is_named_and_not_remembered() -> None:
    kube = Cluster('login: failed\npsql: error: FATAL:  password authentication failed for user "todo"')
    failure = refused(kube)
    assert failure.code is Code.LOGIN_DENIED
    assert failure.message == (
        "database: PostgreSQL at db.example.com:5432 does not take user todo: the password is wrong, or there is no "
        "such user: PostgreSQL does not tell which. Correct it."
    )
    assert recorded(kube, "todo") == {}
    assert "Job" not in {key[0] for key in kube.objects}


def test_a_server_that_is_away_is_an_outage() -> None:
    failure = refused(Cluster("login: again\nx\nlogin: failed\ntimeout expired"))
    assert failure.code is Code.DEPENDENCY_DOWN
    assert failure.message == (
        "database: PostgreSQL at db.example.com:5432 is down: it does not answer. No app was touched, what runs goes "
        "on; run it again when it is back."
    )


def test_another_environments_namespace_is_refused() -> None:
    kube = Cluster()
    assert refused(kube, environment="production").code is Code.INVALID_INPUT
    assert kube.jobs == []


def test_a_secret_that_is_missing_is_named() -> None:
    assert refused(FakeKube()).code is Code.CONFIG_MISSING
