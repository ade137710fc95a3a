# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PostgreSQL by psql: the connection string as libpq reads it, and what its errors mean."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from ..failure import Code, Failure
from .login import AGAIN, FAILED, OK, Answer, Login, Target, first_match, last_try

_SCHEME = re.compile(r"postgres(?:ql)?(?:\+\w+)?://", re.IGNORECASE)
_VERIFYING = ("verify-ca", "verify-full")
_DEMANDING = ("require", *_VERIFYING)
# What of a connection string is libpq's; SQLAlchemy's, PgBouncer's and Prisma's own are not passed on.
_LIBPQ = frozenset({
    "host", "hostaddr", "port", "dbname", "user", "password", "sslmode", "sslrootcert", "sslnegotiation", "sslsni",
    "channel_binding", "options", "connect_timeout", "target_session_attrs", "load_balance_hosts", "gssencmode",
    "require_auth", "application_name", "client_encoding",
})  # fmt: skip
_CONNECT_SECONDS = 15  # a serverless database takes some of them to start
_PAIR = re.compile(r"\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)")

# Words of libpq and the server, of PgBouncer, of Neon.
RULES: tuple[tuple[str, Code, str], ...] = (
    (r"password authentication failed|SASL authentication failed|wrong password|no password supplied",
     Code.LOGIN_DENIED, "the password is wrong, or there is no such user: PostgreSQL does not tell which"),
    (r'role "([^"]+)" (?:does not exist|is not permitted to log in)', Code.LOGIN_DENIED,
     "there is no user {0} that may log in"),
    (r'database "?([^"\n]+?)"? does not exist|no such database: ?(\S+)', Code.DATABASE_MISSING,
     "there is no database {0}{1}"),
    (r"permission denied for database", Code.LOGIN_DENIED, "the user may not connect to this database"),
    (r"certificate verify failed|self.signed certificate|unable to get local issuer", Code.CERTIFICATE_UNTRUSTED,
     "its certificate is of an authority that is not trusted here"),
    (r"server certificate for .* does not match host name", Code.CERTIFICATE_UNTRUSTED,
     "its certificate is for another host name"),
    (r"root certificate file .* does not exist|login: no-authorities", Code.CERTIFICATE_UNTRUSTED,
     "no authority is known by which its certificate could be verified"),
    (r"server does not support SSL", Code.TLS_MISMATCH,
     "the server speaks no TLS, which the connection string demands"),
    (r"no pg_hba\.conf entry[^\n]*(?:SSL encryption|SSL on)", Code.LOGIN_DENIED,
     "the server takes no login of this user from this address"),
    (r"no pg_hba\.conf entry[^\n]*(?:no encryption|SSL off)|connection is insecure|SSL (?:connection )?is required",
     Code.TLS_MISMATCH, "the server takes no login without TLS: the connection string needs sslmode=require"),
    (r"no pg_hba\.conf entry", Code.LOGIN_DENIED, "the server takes no login of this user from this address"),
    (r"too many (?:connections|clients)|remaining connection slots|no more connections", Code.TOO_MANY_CONNECTIONS,
     "the server has too many connections"),
    (r"could not translate host name|Name or service not known|Name does not resolve|getaddrinfo", Code.HOST_UNKNOWN,
     "the name does not resolve"),
    (r"Connection refused", Code.DEPENDENCY_DOWN, "it refuses connections"),
    (r"timeout expired|timed out|No route to host|unreachable", Code.DEPENDENCY_DOWN, "it does not answer"),
    (r"the database system is ([\w ]+)", Code.DEPENDENCY_DOWN, "the database system is {0}"),
    (r"server closed the connection|connection reset|EOF detected", Code.DEPENDENCY_DOWN,
     "it ends connections at once"),
)  # fmt: skip
_PASSING = (
    "connection refused|timeout expired|timed out|no route to host|unreachable|the database system is|server closed"
    "|connection reset|EOF detected|translate host name|too many (connections|clients)|remaining connection slots"
)


class Postgres:
    """See :class:`.login.Dialect`."""

    image_needs = "/bin/sh and psql"

    def target(self, login: Login, texts: Mapping[str, str]) -> Target:
        """Raises invalid_input for a string that is none, tls_mismatch for one that does not demand TLS."""
        given = parameters(login, texts)
        hosts, ports = given["host"].split(","), given.get("port", "5432").split(",")
        ports = ports * len(hosts) if len(ports) == 1 else ports
        if not all(port.isdigit() for port in ports) or len(ports) != len(hosts) or not all(hosts):
            raise _malformed(login)
        address = ",".join(f"{host}:{port}" for host, port in zip(hosts, ports, strict=True))
        target = Target(address, given.get("user", ""), given.get("dbname", given.get("user", "")))
        if login.tls and given.get("sslmode") not in _DEMANDING:
            needs = "it needs sslmode=require or verify-full"
            what = f"the connection string does not demand TLS, which is required here: {needs}"
            raise login.fails(Code.TLS_MISMATCH, what, login.hint)
        return target

    def files(self, login: Login, texts: Mapping[str, str]) -> dict[str, str]:
        """A service file of libpq, so that no password is on a command line."""
        given = parameters(login, texts)
        found = {}
        if texts.get("ca.crt"):
            found["ca.crt"] = texts["ca.crt"]
            given["sslrootcert"] = "/login/ca.crt"
        elif given.get("sslmode") in _VERIFYING:
            given["sslrootcert"] = "system"
        if any("\n" in value or value != value.strip() for value in given.values()):
            raise _malformed(login)
        lines = [f"{key}={value}" for key, value in given.items()]
        return {**found, "service": "\n".join(["[login]", *lines, ""])}

    def script(self, login: Login, wait: int) -> str:
        """Tries until the server gives an answer that would not pass, or the time is over."""
        return f"""
export PGSERVICEFILE=/login/service PGSERVICE=login
end=$(($(date +%s) + {wait}))
authorities=$(cat /etc/ssl/certs/ca-certificates.crt /etc/ssl/cert.pem 2>/dev/null | head -c 1)
if [ -z "$authorities" ] && grep -q '^sslrootcert=system' /login/service; then
    echo '{FAILED}'; echo 'login: no-authorities'; exit 0
fi
while :; do
    said=$(psql -XAtqw -c '\\conninfo' -c 'SHOW server_version' 2>&1) && {{ echo '{OK}'; echo "$said"; exit 0; }}
    if [ "$(date +%s)" -ge "$end" ] || ! echo "$said" | grep -Eiq {shlex.quote(_PASSING)}; then
        echo '{FAILED}'; echo "$said"; exit 0
    fi
    echo '{AGAIN}'; echo "$said"; sleep 1
done
"""

    def judge(self, login: Login, target: Target, output: str) -> Answer:
        """See :class:`.login.Dialect`."""
        good, said = last_try(output)
        if good:
            version = (said.strip().splitlines() or [""])[-1].split(" ")[0]
            tls = re.search(r"TLSv[\d.]+", said)
            return Answer(f"PostgreSQL {version}, {tls[0] if tls else 'without TLS'}")
        return Answer(failure=judged(login, target, said))


def judged(login: Login, target: Target, said: str) -> Failure:
    """The failure that an error of libpq means."""
    found = first_match(RULES, said)
    who = f"PostgreSQL at {target.address} does not take user {target.user or '(none)'}"
    if found is None:
        words = " ".join(said.split())[-300:] or "it said nothing"
        return login.fails(Code.LOGIN_FAILED, f"{who}: {words}", login.hint).failure
    code, why = found
    if code is Code.DEPENDENCY_DOWN:
        return login.fails(code, f"PostgreSQL at {target.address} is down: {why}").failure
    about = f"PostgreSQL at {target.address}" if code is Code.HOST_UNKNOWN else who
    remedies = {
        Code.TOO_MANY_CONNECTIONS: "Close some, or raise its limit.",
        Code.CERTIFICATE_UNTRUSTED: f"Put its authority's certificate into the key ca.crt of Secret {login.secret}.",
    }
    return login.fails(code, f"{about}: {why}", remedies.get(code, login.hint)).failure


def parameters(login: Login, texts: Mapping[str, str]) -> dict[str, str]:
    """The connection string's parameters, by libpq's names. Raises invalid_input."""
    text = texts.get(login.key, "").strip()
    if not text:
        what = f"the Secret {login.secret} of namespace {login.namespace} has no connection string ({login.key})"
        raise login.fails(Code.INVALID_INPUT, what, login.hint)
    try:
        given = _of_url(text) if _SCHEME.match(text) else _of_pairs(text)
    except ValueError as exc:
        raise _malformed(login) from exc
    if given.get("ssl", "").lower() in ("true", "1", *_DEMANDING) and "sslmode" not in given:
        given["sslmode"] = given["ssl"] if given["ssl"] in _DEMANDING else "require"
    found = {key: value for key, value in given.items() if key in _LIBPQ and value}
    if not found.get("host"):
        raise _malformed(login)
    return {"connect_timeout": str(_CONNECT_SECONDS), **found}


def _of_url(text: str) -> dict[str, str]:
    url = urlsplit(_SCHEME.sub("postgresql://", text))
    user, _colon, password = url.netloc.rpartition("@")[0].partition(":")
    hosts, ports = [], []
    for each in url.netloc.rpartition("@")[2].split(","):
        found = re.fullmatch(r"(\[[^\]]+\]|[^:]*)(?::(\d*))?", each)
        if found is None:
            raise ValueError(each)
        hosts.append(unquote(found[1]).strip("[]"))
        ports.append(found[2] or "5432")
    given = {
        "host": ",".join(hosts) if any(hosts) else "",
        "port": ",".join(ports),
        "user": unquote(user),
        "password": unquote(password),
        "dbname": unquote(url.path.removeprefix("/")),
    }
    return {**{key: value for key, value in given.items() if value}, **dict(parse_qsl(url.query))}


def _of_pairs(text: str) -> dict[str, str]:
    given, at = dict[str, str](), 0
    while at < len(text):
        found = _PAIR.match(text, at)
        if not found:
            raise ValueError(text)
        value = found[2][1:-1] if found[2].startswith("'") else found[2]
        given[found[1]] = re.sub(r"\\(.)", r"\1", value)
        at = found.end()
        while at < len(text) and text[at].isspace():
            at += 1
    return given


def _malformed(login: Login) -> Exception:
    what = (
        f"key {login.key} of Secret {login.secret} in namespace {login.namespace} is no connection string with a host"
    )
    return login.fails(Code.INVALID_INPUT, what, login.hint)
