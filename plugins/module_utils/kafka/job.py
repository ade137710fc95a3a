# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kafka's own tools in a short Job beside a broker of the role kafka: its name does not resolve outside of the cluster.

The Job has the broker's image and the admin's password from the broker's Secret. It satisfies Pod Security
``restricted``, has limits and no token, and is removed at its end, or by the cluster an hour later. What it writes is
data, at most 64 KiB.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from ..failure import Code, error
from ..kube.api import Object
from ..kube.deadline import Deadline
from ..kube.errors import KubeError
from ..kube.resources import JOB, POD, STATEFUL_SET
from ..neutral import one_line, printable, shortened

LABEL = "todo.cloud/kafka-tools"  # charts/kafka's network policy lets pods with it in
_AWAY = re.compile(r"TimeoutException|could not be established|UnknownHost|No resolvable bootstrap")
_KEEP_SECONDS = 3600
_POLL_SECONDS = 0.3


@dataclass(frozen=True)
class Broker:
    """A broker of charts/kafka. ``users``: Secret with the key ``admin_password``."""

    namespace: str
    release: str = "kafka"
    users: str = "kafka-users"

    @property
    def address(self) -> str:
        """Within its namespace's cluster; as it is advertised, so the search path is not used."""
        return f"{self.release}.{self.namespace}.svc:9092"


class Tools(Protocol):
    """Something that runs the script."""

    def run(self, *arguments: str) -> list[str]:
        """The lines that it writes."""


class BrokerTools:
    """Runs the script beside the broker."""

    def __init__(self, kube: Any, broker: Broker, seconds: float) -> None:
        self._kube = kube
        self._broker = broker
        self._seconds = seconds

    def run(self, *arguments: str) -> list[str]:
        """The lines that it writes. Raises ``dependency_down`` if no broker answers, ``job_failed`` or KubeError."""
        until = Deadline.after(self._seconds)
        job = self._kube.create(JOB, self._broker.namespace, self._job(arguments), deadline=until)
        name = job["metadata"]["name"]
        try:
            pod = self._finished(name, until)
            text = self._kube.logs(self._broker.namespace, pod["metadata"]["name"], "tools", tail=2000, deadline=until)
        finally:
            with suppress(KubeError):
                self._kube.delete(JOB, self._broker.namespace, name)
        lines: list[str] = text.splitlines()
        if pod["status"]["phase"] != "Succeeded":
            said = one_line(printable(" ".join(line for line in lines if line.strip())[-600:])) or "they said nothing"
            if _AWAY.search(said):
                away = f"The broker at {self._broker.address} does not answer"
                raise error(Code.DEPENDENCY_DOWN, f"{away}: run it again when it is back.", output=lines[-20:])
            raise error(
                Code.JOB_FAILED,
                f"Kafka's tools failed in namespace {self._broker.namespace}: {said}",
                output=lines[-20:],
            )
        return lines

    def _finished(self, name: str, until: Deadline) -> Object:
        waits = "its pod was not made"
        while not until.expired:
            pods = self._kube.list_(POD, self._broker.namespace, label_selector=f"job-name={name}", deadline=until)[0]
            for pod in pods:
                status = pod.get("status") or {}
                if status.get("phase") in ("Succeeded", "Failed"):
                    return pod  # type: ignore[no-any-return]
                waits = _waits(status) or waits
            time.sleep(_POLL_SECONDS)
        raise error(
            Code.TIMEOUT,
            f"The Job {name} with Kafka's tools in namespace {self._broker.namespace} did not end within "
            f"{self._seconds:.0f} s: {shortened(one_line(printable(waits)), limit=300)}.",
        )

    def _job(self, arguments: Sequence[str]) -> Object:
        stateful_set = self._kube.get(STATEFUL_SET, self._broker.namespace, self._broker.release)
        template = stateful_set["spec"]["template"]["spec"]
        container = template["containers"][0]
        labels = {"app.kubernetes.io/name": "kafka-tools", "app.kubernetes.io/managed-by": "todo.cloud", LABEL: "true"}
        given = template.get("securityContext") or {}
        user = {key: given[key] for key in ("runAsUser", "runAsGroup") if key in given}
        password = {"secretKeyRef": {"name": self._broker.users, "key": "admin_password"}}
        tools = {
            "name": "tools",
            "image": container["image"],
            "imagePullPolicy": container.get("imagePullPolicy", "IfNotPresent"),
            "command": ["/bin/sh", "-c", SCRIPT, "tools.sh"],
            "args": list(arguments),
            "env": [
                {"name": "BROKER", "value": self._broker.address},
                {"name": "LIBS", "value": "/opt/kafka/libs"},
                {"name": "ADMIN_PASSWORD", "valueFrom": password},
            ],
            "resources": {
                "requests": {"cpu": "50m", "memory": "128Mi"},
                "limits": {"cpu": "2", "memory": "512Mi"},
            },
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "work", "mountPath": "/work"}],
        }
        spec = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, **user},
            "containers": [tools],
            "volumes": [
                {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
                {"name": "work", "emptyDir": {"sizeLimit": "512Mi"}},
            ],
        }
        if template.get("imagePullSecrets"):
            spec["imagePullSecrets"] = template["imagePullSecrets"]
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": f"kafka-tools-{secrets.token_hex(4)}", "labels": labels},
            "spec": {
                "backoffLimit": 0,
                "activeDeadlineSeconds": int(self._seconds),
                "ttlSecondsAfterFinished": _KEEP_SECONDS,
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        }


def _waits(status: Object) -> str:
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting")
        if waiting:
            return f"{waiting.get('reason', '')} {waiting.get('message', '')}".strip()
        if (container.get("state") or {}).get("running"):
            return "it is still running"
    for condition in status.get("conditions") or ():
        if condition.get("status") == "False" and condition.get("reason") == "Unschedulable":
            return str(condition.get("message"))
    return ""


# $1 is one of the functions, the rest are its arguments.
SCRIPT = r"""
# Kafka's tools against one broker. The password goes by a file in memory, never on a command line.
set -uf # f: the * of the class path is for Java
umask 077

for java in /opt/jre/bin/java /opt/java/openjdk/bin/java java; do
    if command -v "$java" >/dev/null; then break; fi
done
cat >/tmp/client.properties <<END
security.protocol=SASL_PLAINTEXT
sasl.mechanism=SCRAM-SHA-256
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
  username="admin" password="$ADMIN_PASSWORD";
request.timeout.ms=15000
default.api.timeout.ms=20000
END
unset ADMIN_PASSWORD
cat >/tmp/log4j2.xml <<END
<Configuration><Appenders><Console name="c" target="SYSTEM_ERR"><PatternLayout pattern="%m%n"/></Console></Appenders>
<Loggers><Root level="error"><AppenderRef ref="c"/></Root></Loggers></Configuration>
END

tool() { # CLASS ARGUMENT...
    "$java" -Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
        -Dlog4j2.configurationFile=/tmp/log4j2.xml -cp "$LIBS/*" "$@"
}

admin() { # CLASS ARGUMENT...
    class=$1
    shift
    tool "$class" --bootstrap-server "$BROKER" --command-config /tmp/client.properties "$@"
}

topics() { admin org.apache.kafka.tools.TopicCommand "$@"; }

groups() { admin org.apache.kafka.tools.consumer.group.ConsumerGroupCommand "$@"; }

describe() { # PATTERN; only a topic's own line, not those of its partitions
    topics --describe --if-exists --topic "$1" >/tmp/topics || exit 1
    while IFS= read -r line; do
        case $line in Topic:*) printf '%s\n' "$line" ;; esac
    done </tmp/topics
}

change() { # create NAME PARTITIONS REPLICAS KEY=VALUE... | grow NAME PATTERN PARTITIONS | set NAME KEY=VALUE,...
    verb=$1 name=$2
    shift 2
    case $verb in
    create)
        partitions=$1 replicas=$2
        shift 2
        for pair in "$@"; do
            set -- "$@" --config "$pair"
            shift
        done
        if [ "$replicas" != 0 ]; then set -- "$@" --replication-factor "$replicas"; fi
        topics --create --if-not-exists --topic "$name" --partitions "$partitions" "$@"
        ;;
    grow) topics --alter --topic "$1" --partitions "$2" ;;
    set) admin kafka.admin.ConfigCommand --alter --entity-type topics --entity-name "$name" --add-config "$1" ;;
    esac
}

apply() { # COMMAND...; two at a time
    number=0
    for command in "$@"; do
        number=$((number + 1))
        (
            # shellcheck disable=SC2086 # its words
            set -- $command
            if change "$@" >/tmp/said.$number 2>&1; then
                echo "done $2"
            else # the first line is the reason, the rest is Java's
                IFS= read -r said </tmp/said.$number
                echo "failed $2: $said"
            fi
        ) &
        if [ $((number % 2)) = 0 ]; then wait; fi
    done
    wait
}

offsets() { # PATTERN GROUP; where topics begin and end, and how far the group has come
    for time in earliest latest; do
        admin org.apache.kafka.tools.GetOffsetShell --topic-partitions "$1" --time "$time" >/tmp/offsets || exit 1
        while IFS=: read -r topic partition offset; do echo "$time $topic $partition $offset"; done </tmp/offsets
    done
    # Fails where the group has no position yet.
    groups --describe --offsets --group "$2" >/tmp/offsets 2>/dev/null
    while read -r _ topic partition offset _; do echo "group $topic $partition $offset"; done </tmp/offsets
    return 0
}

records() { # FIELD HEADER NULL TOPIC PARTITION OFFSET COUNT
    tool org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$BROKER" \
        --command-config /tmp/client.properties --topic "$4" --partition "$5" --offset "$6" --max-messages "$7" \
        --timeout-ms 20000 --formatter-property print.timestamp=true --formatter-property print.partition=true \
        --formatter-property print.offset=true --formatter-property print.headers=true \
        --formatter-property print.key=true --formatter-property "key.separator=$1" \
        --formatter-property "headers.separator=$2" --formatter-property "null.literal=$3"
}

peek() { # FIELD HEADER NULL 'TOPIC PARTITION OFFSET COUNT'...
    field=$1 header=$2 null=$3
    shift 3
    for step in "$@"; do
        # shellcheck disable=SC2086 # its words
        set -- $step
        echo "topic $1 $field"
        records "$field" "$header" "$null" "$@" >/work/records 2>/tmp/said || { cat /tmp/said && exit 1; }
        while IFS= read -r line; do printf '%.3000s\n' "$line"; done </work/records
    done
}

replay() { # FIELD HEADER NULL TOPIC PARTITION OFFSET COUNT TARGET GROUP
    records "$1" "$2" "$3" "$4" "$5" "$6" "$7" >/work/records 2>/tmp/said || { cat /tmp/said && exit 1; }
    last=$6
    while IFS= read -r line; do
        case $line in
        *"${1}Partition:$5${1}Offset:"*) ;;
        *) echo "a message of $4 from offset $last on has a line break, which these tools cannot write" >&2 && exit 1 ;;
        esac
        line=${line#*"$1"} && line=${line#*"${1}Offset:"}
        last=${line%%"$1"*}
        line=${line#*"$1"}
        case $line in "NO_HEADERS$1"*) line="$3${line#NO_HEADERS}" ;; esac
        printf '%s\n' "$line"
    done </work/records >/work/messages || exit 1
    tool org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$BROKER" --command-config /tmp/client.properties \
        --command-property acks=all --sync --topic "$8" --reader-property parse.headers=true \
        --reader-property parse.key=true --reader-property "headers.delimiter=$1" --reader-property "key.separator=$1" \
        --reader-property "headers.separator=$2" --reader-property "null.marker=$3" </work/messages >/tmp/said 2>&1 ||
        { cat /tmp/said && exit 1; }
    groups --reset-offsets --execute --group "$9" \
        --topic "$4:$5" --to-offset $(($6 + $7)) >/tmp/said 2>&1 || { cat /tmp/said && exit 1; }
}

verb=$1
shift
$verb "$@"
"""
