#!/bin/sh
# Formats the volume if it is new, gives the users their passwords if these changed, and becomes the broker.
# Passwords come in by ADMIN_PASSWORD and APP_PASSWORD and leave by files in memory, never on a command line.
set -euf # f: the * of the class path is for Java
umask 077

config=/etc/kafka-chart
data=/data/kafka
marker=/data/users.sha256 # which passwords the users have
internal=127.0.0.1:9094   # the listener that wants no password and never leaves the pod

die() {
    echo "kafka.sh: $*" >&2
    exit 1
}

find_java() {
    for java in /opt/jre/bin/java /opt/java/openjdk/bin/java; do
        if [ -x "$java" ]; then return; fi
    done
    java=$(command -v java) || die "the image has no Java (looked in /opt/jre, /opt/java/openjdk and on PATH)"
}

java_run() { # HEAP CLASS ARGUMENT...; replaces this shell: call it in a subshell to come back
    heap=$1
    shift
    exec "$java" "-Xmx$heap" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -XX:+ExitOnOutOfMemoryError \
        "-Dlog4j2.configurationFile=$config/log4j2.xml" -cp '/opt/kafka/libs/*' "$@"
}

java_tool() { (java_run 64m "$@"); }

java_broker() { java_run "$KAFKA_HEAP" kafka.Kafka $config/server.properties "$@"; }

check_password() { # KEY VALUE
    case $2 in
    '') die "key $1 of Secret $USERS_SECRET is empty" ;;
    *[!A-Za-z0-9._~+/=@%-]*) die "key $1 of Secret $USERS_SECRET holds other characters than letters, digits and ._~+/=@%-" ;;
    esac
}

fingerprint() { # of names and passwords; the volume holds Kafka's own salted hashes of them anyway
    printf '%s\n' "$CLUSTER_ID" "$ADMIN_PASSWORD" "$APP_USER" "$APP_PASSWORD" | sha256sum
}

format() {
    cat >/tmp/format <<END
format
--standalone
--cluster-id=$CLUSTER_ID
--config=$config/server.properties
--add-scram=SCRAM-SHA-256=[name=admin,password=$ADMIN_PASSWORD]
--add-scram=SCRAM-SHA-256=[name=$APP_USER,password=$APP_PASSWORD]
END
    java_tool kafka.tools.StorageTool @/tmp/format
    rm /tmp/format
    fingerprint >$marker
}

# Each try waits for the broker up to a minute. Its output is dropped: errors may quote the password.
set_password() { # USER PASSWORD
    echo "SCRAM-SHA-256=password=$2" >/tmp/password
    for _ in 1 2 3; do
        if java_tool kafka.admin.ConfigCommand --bootstrap-server $internal --alter --entity-type users \
            --entity-name "$1" --add-config-file /tmp/password >/dev/null 2>&1; then
            rm /tmp/password
            echo "kafka.sh: set the password of user $1"
            return
        fi
    done
    die "could not set the password of user $1: the broker did not answer on $internal"
}

change_passwords() { # by a broker that nobody else can reach, so that no client meets half of the change
    java_broker --override "listeners=INTERNAL://$internal,CONTROLLER://127.0.0.1:9093" \
        --override "advertised.listeners=INTERNAL://$internal" &
    set_password admin "$ADMIN_PASSWORD"
    set_password "$APP_USER" "$APP_PASSWORD"
    kill $!
    wait $! || true # 143: ended by the signal
    fingerprint >$marker
}

check_password admin_password "$ADMIN_PASSWORD"
check_password app_password "$APP_PASSWORD"
find_java
if [ ! -e $data/meta.properties ]; then
    format
elif [ "$(cat $marker 2>/dev/null)" != "$(fingerprint)" ]; then
    change_passwords
fi
unset ADMIN_PASSWORD APP_PASSWORD
java_broker
