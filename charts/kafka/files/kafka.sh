#!/bin/sh
# kafka.sh broker: formats the volume if it is new, and becomes the broker.
# kafka.sh users: keeps users and their rights as the mounted Secret says; runs beside the broker, which needs no restart.
# Passwords come by files of the Secret and leave by files in memory, never on a command line.
set -euf # f: the * of the class path is for Java
umask 077

config=/etc/kafka-chart
data=/data/kafka
last=''
granted=rights-2 # changes with the rights that users get
internal=127.0.0.1:9094 # the listener that wants no password and never leaves the pod
secret=/etc/kafka-users # a file for each key
known=/data/users       # a file for each user that the broker has: what it was made from, as a digest

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

java_tool() { (java_run 64m "$@") </dev/null; }

broker() {
    find_java
    cat /etc/kafka-tls/tls.key /etc/kafka-tls/tls.crt >/tmp/keystore.pem
    if [ ! -e $data/meta.properties ]; then format; fi
    java_run "$KAFKA_HEAP" kafka.Kafka $config/server.properties
}

format() {
    mkdir -p $known
    read_users || die "the volume cannot be made ready"
    printf '%s\n' format --standalone "--cluster-id=$CLUSTER_ID" "--config=$config/server.properties" >/tmp/format
    while read -r name password; do
        for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
            echo "--add-scram=$mechanism=[name=$name,password=$password]" >>/tmp/format
        done
    done </tmp/wanted
    java_tool kafka.tools.StorageTool @/tmp/format
    while read -r name password; do
        echo "passwords $(digest)" >"$known/$name"
    done </tmp/wanted
    rm /tmp/format /tmp/wanted
}

digest() { # of $name and $password; the volume holds Kafka's own salted hashes of them anyway
    printf '%s\n' "$CLUSTER_ID" "$name" "$password" | sha256sum
}

read_users() { # lines of name and password to /tmp/wanted
    : >/tmp/wanted
    # shellcheck disable=SC2045 # keys of a Secret have no spaces
    for key in $(ls $secret); do
        case $key in *_password) ;; *) continue ;; esac
        name=${key%_password}
        if [ -s "$secret/${name}_user" ]; then name=$(cat "$secret/${name}_user"); fi
        case $name in *[!a-z0-9.-]*) problem "the user of key $key is no lower-case name" && return 1 ;; esac
        password=$(cat "$secret/$key")
        case $password in
        '') problem "key $key is empty" && return 1 ;;
        *[!A-Za-z0-9._~+/=@%-]*) problem "key $key holds other characters than letters, digits and ._~+/=@%-" && return 1 ;;
        esac
        echo "$name $password" >>/tmp/wanted
    done
    grep -q '^admin ' /tmp/wanted || { problem "there is no key admin_password" && return 1; }
}

# Output of the tools is dropped: errors may quote the password.
configure() { # USER ARGUMENT...
    user=$1
    shift
    java_tool kafka.admin.ConfigCommand --bootstrap-server $internal --alter --entity-type users --entity-name "$user" \
        "$@" >/dev/null 2>&1
}

rights() { # --add|--remove USER; an environment's own topics and groups begin with its namespace
    case $2 in
    admin) return 0 ;; # a super user
    app)               # of brokers that knew one user for all environments; gone when its key is removed from the Secret
        topics='*' groups='*' pattern=literal
        ;;
    *)
        topics=${2%.b} groups=${2%.b}. pattern=prefixed
        # what begins with shop also begins shop-staging, which is another environment's
        acl "$1" deny "$2" --topic "$topics-" --operation All || return 1
        ;;
    esac
    acl "$1" allow "$2" --topic "$topics" --group "$groups" --operation Read --operation Describe &&
        acl "$1" allow "$2" --topic "$topics" --operation Write --operation Create \
            --operation DescribeConfigs --operation Alter --operation AlterConfigs
}

acl() { # --add|--remove allow|deny USER RESOURCE... OPERATION...
    what=$1 rule=$2 who=$3
    shift 3
    java_tool org.apache.kafka.tools.AclCommand --bootstrap-server $internal "$what" --force \
        "--$rule-principal" "User:$who" --resource-pattern-type "$pattern" "$@" >/dev/null 2>&1
}

set_passwords() { # of $name; one request can hold one mechanism only
    for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
        echo "$mechanism=password=$password" >/tmp/password
        configure "$name" --add-config-file /tmp/password || return 1
    done
    rm /tmp/password
}

remove_user() { # $name; taking away a password that is not there is an error, so each is written down
    for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
        if grep -q "without $mechanism" "$known/$name"; then continue; fi
        configure "$name" --delete-config $mechanism || return 1
        echo "without $mechanism" >>"$known/$name"
    done
    rights --remove "$name"
}

reconcile() { # the users as the Secret says; the names in $names
    read_users || return 1
    names=' '
    while read -r name password; do
        names="$names$name "
        made=$(cat "$known/$name" 2>/dev/null || true)
        if [ "$made" = "$granted $(digest)" ]; then continue; fi
        if [ "${made#* }" != "$(digest)" ]; then
            set_passwords || { problem "could not make user $name: the broker did not take it on $internal" && return 1; }
            echo "passwords $(digest)" >"$known/$name"
        fi
        rights --add "$name" || { problem "could not give user $name its rights on $internal" && return 1; }
        echo "$granted $(digest)" >"$known/$name"
    done </tmp/wanted
    # shellcheck disable=SC2045
    for name in $(ls $known); do
        case $names in *" $name "*) continue ;; esac
        remove_user || { problem "could not remove user $name: the broker did not do it on $internal" && return 1; }
        rm "$known/$name"
    done
}

problem() { said "Secret $USERS_SECRET: $*"; }

said() { # each thing once
    if [ "$*" != "$last" ]; then echo "kafka.sh: $*"; fi
    last=$*
}

users() {
    find_java
    trap 'exit 0' TERM
    mkdir -p $known
    rm -f /data/users.sha256 # of an older kafka.sh
    seen=''
    while [ ! -e $data/meta.properties ]; do sleep 1; done
    while :; do
        version=$(readlink $secret/..data) # changes with the Secret
        if [ "$version" != "$seen" ] && reconcile; then
            said "users as in Secret $USERS_SECRET:$names"
            seen=$version
            touch /tmp/ready
        fi
        sleep 2
    done
}

"$1"
