# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kafka by its own command line tools: properties for its client, and what its errors mean."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from ..failure import Code, Failure
from .login import Answer, Login, Target, first_match, last_try, listed

_MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN")
_BROKERS = re.compile(r"[^\s,:]+:\d{1,5}(?:,[^\s,:]+:\d{1,5})*")
# Warnings of the client say why there is no connection: its exceptions only say that there is none.
_LOG = """<Configuration status="warn">
  <Appenders><Console name="out"><PatternLayout pattern="%p %m%n"/></Console></Appenders>
  <Loggers><Root level="warn"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"""

_ENDS = "it ends connections before the login"
# Words of Kafka's client (Java), and of librdkafka.
RULES: tuple[tuple[str, Code, str], ...] = (
    (r"invalid credentials|SaslAuthenticationException|SASL authentication error|Authentication failed"
     r"|SASL SCRAM-\S+ mechanism handshake failed", Code.LOGIN_DENIED,
     "the password is wrong, or there is no such user: Kafka does not tell which"),
    (r"PKIX path|unable to find valid certification path|certificate verify failed|Failed to verify broker certificate"
     r"|broker certificate could not be verified|unable to get local issuer", Code.CERTIFICATE_UNTRUSTED,
     "its certificate is of an authority that is not trusted here"),
    (r"No (?:subject alternative|name matching)|hostname mismatch", Code.CERTIFICATE_UNTRUSTED,
     "its certificate is for another host name"),
    (r"Unsupported or unrecognized SSL message|wrong version number|not an SSL/TLS record|PLAINTEXT broker listener",
     Code.TLS_MISMATCH, "it speaks no TLS, which the Secret demands"),
    (r"InvalidReceiveException|AdminClient thread has exited|OutOfMemoryError|connecting to a SSL", Code.TLS_MISMATCH,
     "it takes no connection without TLS"),
    (r"No resolvable bootstrap|UnknownHostException|Couldn't resolve server|Failed to resolve"
     r"|Name or service not known", Code.HOST_UNKNOWN, "the name does not resolve"),
    (r"terminated during authentication|in state APIVERSION_QUERY", Code.TLS_MISMATCH, _ENDS),
    (r"could not be established|Connection refused", Code.DEPENDENCY_DOWN, "it refuses connections"),
    (r"Timed out|TimeoutException|Transport failure|Disconnected", Code.DEPENDENCY_DOWN, "it does not answer"),
)  # fmt: skip
_NO_MECHANISM = re.compile(
    r"(?:mechanism '?[\w-]+'? (?:is )?not (?:enabled|supported)[^\n]*?|Unsupported SASL mechanism[^\n]*?)"
    r"(?:enabled mechanisms are \[([^\]\n]*)\]|broker's supported mechanisms: ([\w, -]+)|\n|$)",
    re.IGNORECASE,
)
# What to do, by the variables of the role that writes the Secret; else the login's own hint.
_REMEDIES = {
    Code.CERTIFICATE_UNTRUSTED: "Give its authority's certificate in redpanda_secrets_ca.",
    Code.TLS_MISMATCH: "Correct redpanda_secrets_tls, or the port in redpanda_secrets_brokers.",
    Code.MECHANISM_MISSING: "Set redpanda_secrets_mechanism.",
    Code.HOST_UNKNOWN: "Correct redpanda_secrets_brokers.",
}
# A broker that starts or ends refuses connections, or ends them.
_PASSING = "timed out|TimeoutException|could not be established|UnknownHost|No resolvable|during authentication"
_FINAL = "SaslAuthentication|invalid credentials|not enabled|PKIX|certification path|SSL message"

# One JVM for the login and all topics that the user sees, one for each group and each topic that it does not see.
_SCRIPT = r"""
for java in /opt/jre/bin/java /opt/java/openjdk/bin/java "$(command -v java)"; do [ -x "$java" ] && break; done
brokers=$(cat /login/brokers)
client=/login/client.properties
end=$(($(date +%s) + @WAIT@))
tool() {
    class=$1
    shift
    exec "$java" -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
        -Dlog4j2.configurationFile=/login/log4j2.xml -cp '/opt/kafka/libs/*' "org.apache.kafka.tools.$class" \
        --bootstrap-server "$brokers" "$@" 2>&1
}
may_read() {
    echo "$seen" | grep -Fqx -- "$1" && return
    tool consumer.ConsoleConsumer --consumer.config $client --topic "$1" --partition 0 --timeout-ms 30000 \
        --max-messages 1 >/tmp/said &
    while kill -0 $! 2>/dev/null && ! grep -q 'TopicAuthorizationException\|UNKNOWN_TOPIC_OR_PARTITION' /tmp/said; do
        sleep 0.2
    done
    kill $! 2>/dev/null
    grep -q 'TopicAuthorizationException' /tmp/said && echo "login: topic $1"
}
may_join() {
    tool consumer.group.ConsumerGroupCommand --command-config $client --describe --state --group "$1" |
        grep -q 'GroupAuthorizationException' && echo "login: group $1"
}
while :; do
    seen=$(tool TopicCommand --command-config $client --list) && break
    if [ "$(date +%s)" -ge "$end" ] || echo "$seen" | grep -Eiq @FINAL@ || ! echo "$seen" | grep -Eiq @PASSING@; then
        echo 'login: failed'
        echo "$seen"
        exit 0
    fi
    echo 'login: again'
    echo "$seen"
    sleep 1
done
missing=$(
@ASK@
:
)
echo 'login: ok'
echo "$missing"
"""


class Kafka:
    """See :class:`.login.Dialect`."""

    image_needs = "/bin/sh, Java and /opt/kafka/libs"

    def target(self, login: Login, texts: Mapping[str, str]) -> Target:
        """Raises invalid_input for a Secret that is none of role redpanda_secrets, tls_mismatch for one without TLS."""
        lacks = [key for key in ("brokers", "username", "password", "mechanism") if not texts.get(key)]
        where = f"the Secret {login.secret} of namespace {login.namespace}"
        if lacks:
            raise login.fails(Code.INVALID_INPUT, f"{where} has no {' and no '.join(lacks)}", login.hint)
        if not _BROKERS.fullmatch(texts["brokers"]) or texts["mechanism"] not in _MECHANISMS:
            what = f"{where} has brokers that are no host:port, or a mechanism that is none of {', '.join(_MECHANISMS)}"
            raise login.fails(Code.INVALID_INPUT, what, login.hint)
        if login.tls and not wants_tls(texts):
            raise login.fails(Code.TLS_MISMATCH, f"{where} does not demand TLS, which is required here", login.hint)
        return Target(texts["brokers"], texts["username"], tls=wants_tls(texts))

    def files(self, login: Login, texts: Mapping[str, str]) -> dict[str, str]:
        """Properties of the client, so that no password is on a command line."""
        plain = texts["mechanism"] == "PLAIN"
        module = f"org.apache.kafka.common.security.{'plain.PlainLogin' if plain else 'scram.ScramLogin'}Module"
        jaas = f'{module} required username="{_quoted(texts["username"])}" password="{_quoted(texts["password"])}";'
        lines = {
            "security.protocol": "SASL_SSL" if wants_tls(texts) else "SASL_PLAINTEXT",
            "sasl.mechanism": texts["mechanism"],
            "sasl.jaas.config": jaas,
            "default.api.timeout.ms": "20000",
            "request.timeout.ms": "15000",
            "socket.connection.setup.timeout.ms": "10000",
        }
        found = {}
        if texts.get("ca.crt") and wants_tls(texts):
            found["ca.crt"] = texts["ca.crt"]
            lines |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": "/login/ca.crt"}
        properties = "".join(f"{key}={_escaped(value)}\n" for key, value in lines.items())
        return {**found, "client.properties": properties, "log4j2.xml": _LOG, "brokers": texts["brokers"]}

    def script(self, login: Login, wait: int) -> str:
        """Lists topics, which takes a login; asks about wanted topics that it did not see, and about groups."""
        asked = [f"may_read {shlex.quote(each)}" for each in login.topics]
        asked += [f"may_join {shlex.quote(each)}" for each in login.groups]
        words = {
            "ASK": "\n".join(asked),
            "WAIT": str(wait),
            "FINAL": shlex.quote(_FINAL),
            "PASSING": shlex.quote(_PASSING),
        }
        return re.sub("@([A-Z]+)@", lambda found: words[found[1]], _SCRIPT)

    def judge(self, login: Login, target: Target, output: str) -> Answer:
        """See :class:`.login.Dialect`."""
        good, said = last_try(output)
        if not good:
            return Answer(failure=judged(login, target, said))
        topics = re.findall(r"^login: topic (\S+)$", said, re.MULTILINE)
        groups = re.findall(r"^login: group (\S+)$", said, re.MULTILINE)
        if topics or groups:
            return Answer(failure=acl_missing(login, target, topics, groups))
        about = f"Kafka lets {target.user} in"
        if login.topics or login.groups:
            about += f", to {len(login.topics)} topics and {len(login.groups)} groups"
        return Answer(about)


def judged(login: Login, target: Target, said: str) -> Failure:
    """The failure that an error of a client means."""
    who = f"Kafka at {target.address} does not take user {target.user}"
    if mechanism := _NO_MECHANISM.search(said):
        offered = (mechanism[1] or mechanism[2] or "others only").strip()
        what = f"{who}: it does not offer this SASL mechanism ({offered})"
        return login.fails(Code.MECHANISM_MISSING, what, _REMEDIES[Code.MECHANISM_MISSING]).failure
    found = first_match(RULES, said)
    if found is None:
        words = " ".join(said.split())[-300:] or "it said nothing"
        return login.fails(Code.LOGIN_FAILED, f"{who}: {words}", login.hint).failure
    code, why = found
    if why is _ENDS:
        why += (
            ", as one without TLS does: the Secret demands it"
            if target.tls
            else ", as one with TLS does: the Secret does not demand it"
        )
    if code is Code.DEPENDENCY_DOWN:
        return login.fails(code, f"Kafka at {target.address} is down: {why}").failure
    about = f"Kafka at {target.address}" if code in (Code.HOST_UNKNOWN, Code.TLS_MISMATCH) else who
    return login.fails(code, f"{about}: {why}", _REMEDIES.get(code, login.hint)).failure


def acl_missing(login: Login, target: Target, topics: list[str], groups: list[str]) -> Failure:
    """What the user may not use."""
    parts = [
        f"{what if len(names) == 1 else f'{what}s'} {listed(sorted(names))}"
        for what, names in (("topic", topics), ("group", groups))
        if names
    ]
    sentence = (
        f"Kafka at {target.address} lets user {target.user} in, but not to {' and '.join(parts)}: an ACL is missing"
    )
    return login.fails(Code.ACL_MISSING, sentence, topics=sorted(topics), groups=sorted(groups)).failure


def wants_tls(texts: Mapping[str, str]) -> bool:
    """By the key for Dapr's component."""
    return texts.get("disable_tls", "false") != "true"


def _quoted(value: str) -> str:
    """Within a string of JAAS."""
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _escaped(value: str) -> str:
    """As a value of a Java properties file."""
    text = value.replace("\\", "\\\\")
    return "".join(c if " " <= c <= "~" else "".join(f"\\u{unit:04x}" for unit in _utf16(c)) for c in text)


def _utf16(letter: str) -> list[int]:
    raw = letter.encode("utf-16-be")
    return [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]
