# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tries a login once for each content of its Secret."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..environments.guard import Claims, guard
from ..failure import Code, Failure, TodoCloudError
from ..known_secrets import KNOWN, secrets_of
from ..kube.api import KubeClient
from ..kube.resources import SECRET
from ..kube.secret_data import texts_of
from .here import tried_here
from .job import JobTry, times_out
from .kafka import Kafka
from .login import Answer, Dialect, Kind, Login, Report, Target
from .postgres import Postgres
from .record import identity, recorded, remember

_UNTOUCHED = "No app was touched, what runs goes on; run it again when it is back."


def check_login(
    kube: KubeClient, params: Mapping[str, Any], progress: Callable[[str], None], *, check: bool = False
) -> Report:
    """See the module login_check. Raises an error that names what is wrong."""
    login = Login.parse(params)
    dialect: Dialect = Postgres() if login.kind is Kind.POSTGRESQL else Kafka()
    report = Report(login.name)
    secret = kube.find(SECRET, login.namespace, login.secret)
    if secret is None:
        if check:
            report.line = (
                f"{login.name}: the login would be tried, once Secret {login.secret} is in namespace {login.namespace}"
            )
            return report
        what = f"there is no Secret {login.secret} in namespace {login.namespace}, with which the login would be tried"
        raise login.fails(Code.CONFIG_MISSING, what, login.hint)
    texts = texts_of(secret)
    KNOWN.add(secrets_of(texts))
    target = dialect.target(login, texts)
    report.target = target.address
    entry = recorded(kube, login.namespace).get(login.name)
    if entry and entry["identity"] == identity(login, secret):
        report.about = entry["about"]
        report.line = f"{login.name}: {entry['about']}, at {target.address} (tried before, with the same Secret)"
        return report
    if check:
        who = f"the login of {target.user} at {target.address}"
        report.line = f"{login.name}: {who} would be tried (its Secret is new or changed)"
        report.changed = True
        return report
    guard(kube, Claims(params["environment"], login.namespace, params.get("cluster_id") or ""))
    began = time.monotonic()
    answer = _try(kube, login, dialect, target, texts, params, progress)
    report.seconds = time.monotonic() - began
    report.tried, report.changed, report.about = True, True, answer.about
    if answer.failure:
        raise TodoCloudError(with_what_to_do(answer.failure), {**report.as_result(), "changed": False})
    remember(kube, login, secret, params["environment"], answer.about)
    how = "by a Job" if params["login"] == "job" else "from this machine"
    report.line = f"{login.name}: {answer.about}, at {target.address} (tried {how} in {report.seconds:.0f} s)"
    return report


def _try(
    kube: KubeClient,
    login: Login,
    dialect: Dialect,
    target: Target,
    texts: Mapping[str, str],
    params: Mapping[str, Any],
    progress: Callable[[str], None],
) -> Answer:
    wait = int(params["wait"])
    if params["login"] == "here":
        return tried_here(login, target, texts, wait, progress)
    job = JobTry(kube, params["environment"], params["image"], list(params["pull_secrets"]), progress)
    answer = dialect.judge(login, target, job.output(login, dialect, target, dialect.files(login, texts), wait))
    if answer.failure and times_out(answer.failure.code) and (why := job.cut(login, target)):
        return Answer(failure=login.fails(Code.CONNECTION_CUT, why, job.remedy(login)).failure)
    return answer


def with_what_to_do(failure: Failure) -> Failure:
    """A failure as it is told: an outage with what that means for the services."""
    if failure.code is not Code.DEPENDENCY_DOWN:
        return failure
    return Failure(failure.code, f"{failure.message} {_UNTOUCHED}", failure.details)
