#!/bin/sh
# Stands in for the entrypoint of the image postgres: a superuser and a database from POSTGRES_USER, _DB and _PASSWORD.
set -eu
data=/var/lib/postgresql/data/pgdata
if [ ! -e "$data" ]; then
    rm -rf "$data.new"
    printf '%s' "$POSTGRES_PASSWORD" >/tmp/password
    initdb --pgdata="$data.new" --username="$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 \
        --encoding=UTF8 --locale=C --no-sync
    rm /tmp/password
    echo 'host all all all scram-sha-256' >>"$data.new/pg_hba.conf"
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$data.new" postgres
    mv "$data.new" "$data"
fi
rm -f "$data/postmaster.pid"
exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp
