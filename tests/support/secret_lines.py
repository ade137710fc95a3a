# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""500 lines of logs with a made-up credential in each: tokens of published formats and passwords, as programs log them.

Nothing here is a credential: every one is made from the seed, so that no scanner of this repository finds it.
"""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

_UPPER, _LOWER, _DIGITS = string.ascii_uppercase, string.ascii_lowercase, string.digits
_ALNUM, _HEX = string.ascii_letters + _DIGITS, _DIGITS + "abcdef"
_URL64 = _ALNUM + "-_"


@dataclass(frozen=True)
class Line:
    """A line, and the credential that must not be shown of it."""

    kind: str
    text: str
    secret: str


class _Maker:
    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def some(self, alphabet: str, size: int) -> str:
        """Characters, at least one digit and one letter among them where the alphabet has both."""
        text = "".join(self.rng.choice(alphabet) for _ in range(size))
        return text[:-2] + "7" + text[-1] if "7" in alphabet and size > 2 else text

    def jwt(self) -> str:
        parts = (
            {"alg": "RS256", "kid": self.some(_ALNUM, 8)},
            {"iss": "kubernetes/serviceaccount", "sub": self.some(_ALNUM, 12)},
        )
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return ".".join([*encoded, self.some(_URL64, 64)])

    def pem(self) -> str:
        body = base64.b64encode(self.rng.randbytes(300)).decode()
        lines = [body[at : at + 64] for at in range(0, len(body), 64)]
        return "\n".join(["-----BEGIN RSA PRIVATE " + "KEY-----", *lines, "-----END RSA PRIVATE " + "KEY-----"])

    def basic(self) -> str:
        return base64.b64encode(f"deploy:{self.some(_ALNUM, 18)}".encode()).decode()


def _tokens(m: _Maker) -> dict[str, str]:
    """One token of each format."""
    s = m.some
    uuid = "-".join(s(_HEX, size) for size in (8, 4, 4, 4, 12))
    return {
        "github": "ghp_" + s(_ALNUM, 36),
        "github-server": "ghs_" + s(_ALNUM, 36),
        "github-fine": "github_pat_" + s(_ALNUM, 22) + "_" + s(_ALNUM, 59),
        "gitlab": "glpat-" + s(_URL64, 20),
        "gitlab-deploy": "gldt-" + s(_URL64, 20),
        "gitlab-runner": "glrt-" + s(_URL64, 20),
        "aws-id": "AKIA" + s(_UPPER + "234567", 16),
        "aws-sts-id": "ASIA" + s(_UPPER + "234567", 16),
        "gcp": "AIza" + s(_URL64, 35),
        "gcp-oauth": "ya29." + s(_URL64, 68),
        "azure": s(_ALNUM, 3) + "8Q~" + s(_ALNUM, 34),
        "digitalocean": "dop_v1_" + s(_HEX, 64),
        "digitalocean-oauth": "doo_v1_" + s(_HEX, 64),
        "dockerhub": "dckr_pat_" + s(_URL64, 27),
        "slack-bot": f"xoxb-{s(_DIGITS, 12)}-{s(_DIGITS, 12)}-{s(_ALNUM, 24)}",
        "slack-user": f"xoxp-{s(_DIGITS, 12)}-{s(_DIGITS, 12)}-{s(_DIGITS, 12)}-{s(_HEX, 32)}",
        "slack-hook": f"https://hooks.slack.com/services/T{s(_UPPER, 8)}/B{s(_UPPER, 8)}/{s(_ALNUM, 24)}",
        "stripe": "sk_live_" + s(_ALNUM, 24),
        "stripe-restricted": "rk_live_" + s(_ALNUM, 24),
        "npm": "npm_" + s(_ALNUM, 36),
        "pypi": "pypi-AgEIcHlwaS5vcmc" + s(_URL64, 80),
        "jwt": m.jwt(),
        "sendgrid": "SG." + s(_URL64, 22) + "." + s(_URL64, 43),
        "twilio": "SK" + s(_HEX, 32),
        "mailchimp": s(_HEX, 32) + "-us12",
        "openai": "sk-" + s(_ALNUM, 20) + "T3Blbk" + "FJ" + s(_ALNUM, 20),
        "anthropic": "sk-ant-api03-" + s(_URL64, 93) + "AA",
        "huggingface": "hf_" + s(string.ascii_letters, 34),
        "vault": "hvs." + s(_URL64, 95),
        "terraform": s(_ALNUM, 14) + ".atlasv1." + s(_URL64, 64),
        "shopify": "shpat_" + s(_HEX, 32),
        "telegram": s(_DIGITS[1:], 10) + ":A" + s(_URL64, 34),
        "grafana": "glsa_" + s(_ALNUM, 32) + "_" + s(_HEX, 8),
        "grafana-cloud": "glc_eyJ" + s(_ALNUM, 60),
        "newrelic": "NRAK-" + s(_UPPER + _DIGITS, 27),
        "postman": "PMAK-" + s(_HEX, 24) + "-" + s(_HEX, 34),
        "databricks": "dapi" + s(_HEX, 32),
        "doppler": "dp.pt." + s(_ALNUM, 43),
        "linear": "lin_api_" + s(_ALNUM, 40),
        "pulumi": "pul-" + s(_HEX, 40),
        "rubygems": "rubygems_" + s(_HEX, 48),
        "artifactory": "AKCp" + s(_ALNUM, 69),
        "age": "AGE-SECRET-KEY-1" + s("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
        "square": "sq0atp-" + s(_URL64, 22),
        "sentry": "sntryu_" + s(_HEX, 64),
        "1password": "-".join(["A3", *(s(_UPPER + _DIGITS, size) for size in (6, 11, 5, 5, 5))]),
        "discord": "M" + s(_ALNUM, 23) + "." + s(_ALNUM, 6) + "." + s(_URL64, 27),
        "tailscale": "tskey-api-" + s(_ALNUM, 30),
        "atlassian": "ATATT3xFfGF0" + s(_URL64, 180),
        "render": "rnd_" + s(_ALNUM, 28),
        "supabase": "sbp_" + s(_LOWER + _DIGITS, 40),
        "docker-swarm": f"SWMTKN-1-{s(_LOWER + _DIGITS, 50)}-{s(_LOWER + _DIGITS, 25)}",
        "basic-auth": m.basic(),
        "password": s(_ALNUM, 16) + "!x",
        "password-short": s(_ALNUM, 9),
        "password-symbols": s(_ALNUM, 6) + "$#^*+" + s(_ALNUM, 6),
        "aws-secret": s(_ALNUM + "+/", 40),
        "azure-storage": s(_ALNUM + "+/", 86) + "==",
        "hex-key": s(_HEX, 64),
        "uuid-key": uuid,
    }


_TOKEN_FRAMES: tuple[str, ...] = (
    "2026-11-28T18:00:00Z ERROR upstream said 401 for token {}",
    '{{"level":"error","msg":"cannot log in","token":"{}"}}',
    'time="2026-11-28T18:00:00Z" level=fatal msg="bad credentials" access_token="{}"',
    "requests.exceptions.HTTPError: 401 Client Error for url: https://api.example.com/v1?access_token={}",
    "Authorization: Bearer {}",
    "TypeError: connect() got {{'api_key': '{}', 'retries': 3}}",
)
# Frames for what has no form of its own: something must announce it.
_PASSWORD_FRAMES: tuple[tuple[str, str], ...] = (
    ("env", "DB_PASSWORD={}"),
    ("env", "export AWS_SECRET_ACCESS_KEY={}"),
    ("json", '{{"level":"error","password":"{}","host":"db"}}'),
    ("json-in-json", '{{"msg":"{{\\"clientSecret\\":\\"{}\\"}}"}}'),
    ("yaml", "  saslPassword: {}"),
    ("yaml-quoted", 'secret_key: "{}"'),
    ("python", "connect(host='db', user='todo', passwd='{}')"),
    ("go", "config: {{Host:db Password:{} Port:5432}}"),
    ("go-syntax", 'config.DB{{Host:"db", Password:"{}"}}'),
    ("rust", 'Settings {{ host: "db", api_key: Some("{}") }}'),
    ("ruby", ':secret_key_base=>"{}"'),
    ("jaas", 'ScramLoginModule required username="app" password="{}";'),
    ("ado", "Server=db;User Id=todo;Pwd={};Encrypt=true"),
    ("libpq", "connection to host=db user=todo password={} failed"),
    ("flag", "exec: helm upgrade --kube-token {} --wait"),
    ("flag-equals", "args: --client-secret={} --issuer=https://id.example.com"),
    ("xml", "<property><password>{}</password></property>"),
    ("properties", "spring.datasource.password={}"),
    ("arrow", "password => '{}'"),
    ("header", "X-Api-Key: {}"),
    ("cookie", "Set-Cookie: session={}; Path=/; HttpOnly"),
    ("env-entry", '{{"name":"REDIS_PASSWORD","value":"{}"}}'),
    ("sql", "ALTER ROLE todo WITH PASSWORD '{}'"),
    ("azure", "DefaultEndpointsProtocol=https;AccountName=todo;AccountKey={};EndpointSuffix=core.windows.net"),
    ("sas", "Endpoint=sb://todo.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey={}"),
    ("redis-conf", "requirepass: {}"),
    ("logfmt", 'level=error msg="login" client_secret={} tries=3'),
    ("basic", "Authorization: Basic {}"),
    ("docker-config", '{{"auths":{{"ghcr.io":{{"auth":"{}"}}}}}}'),
    ("kubeconfig", "    client-key-data: {}"),
    ("netrc", "machine db login todo password {}"),
)
_URLS = (
    "postgres://todo:{}@db:5432/todo?sslmode=require", "mongodb+srv://todo:{}@c0.example.net/todo",
    "redis://:{}@redis:6379/0", "amqps://todo:{}@mq/vhost", "https://todo:{}@git.example.com/todo.git",
    "mysql://root:{}@mysql/todo", "kafka://app:{}@broker:9092", "jdbc:postgresql://todo:{}@db/todo",
)  # fmt: skip
_URL_FRAMES = (
    "could not connect to {}: connection refused", "DATABASE_URL={}", '{{"dsn":"{}","err":"timeout"}}',
    "sqlalchemy.exc.ArgumentError: Could not parse URL from '{}'",
)  # fmt: skip
_NEEDS_NAME = (
    "password",
    "password-short",
    "password-symbols",
    "aws-secret",
    "azure-storage",
    "hex-key",
    "uuid-key",
    "basic-auth",
)


def lines(seed: int = 15, count: int = 500) -> list[Line]:
    """``count`` lines, the same for the same seed."""
    rng = Random(seed)
    maker = _Maker(rng)
    found: list[Line] = []
    makers: tuple[Callable[[], list[Line]], ...] = (
        lambda: _of_tokens(maker),
        lambda: _of_passwords(maker),
        lambda: _of_urls(maker),
    )
    while len(found) < count:
        for make in makers:
            found += make()
    rng.shuffle(found)
    return found[:count]


def _of_tokens(m: _Maker) -> list[Line]:
    found = []
    for kind, token in _tokens(m).items():
        frames = _TOKEN_FRAMES[1:] if kind in _NEEDS_NAME else _TOKEN_FRAMES
        found.append(Line(kind, m.rng.choice(frames).format(token), token))
    pem = m.pem()
    return [*found, Line("pem", f"loaded key {pem}", pem.split("\n")[2]),
            Line("pem-json", json.dumps({"key": pem}), pem.split("\n")[2])]  # fmt: skip


def _of_passwords(m: _Maker) -> list[Line]:
    found = []
    for kind, frame in _PASSWORD_FRAMES:
        encoded = kind in ("basic", "docker-config", "kubeconfig")
        secret = (
            m.basic()
            if encoded
            else m.some(_ALNUM + "+/", 86) + "=="
            if kind == "azure"
            else m.some(_ALNUM, m.rng.randint(10, 40))
        )
        found.append(Line(kind, frame.format(secret), secret))
    return found


def _of_urls(m: _Maker) -> list[Line]:
    found = []
    for url in _URLS:
        secret = quote(m.some(_ALNUM + "%", 14), safe="") if m.rng.random() < 0.3 else m.some(_ALNUM, 14)
        found.append(Line("url", m.rng.choice(_URL_FRAMES).format(url.format(secret)), secret))
    return found
