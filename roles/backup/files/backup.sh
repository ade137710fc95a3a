#!/bin/sh
# backup.sh dump                 dumps the database to /backups, and keeps the newest $KEEP
# backup.sh restore [NAME]       restores a dump, the newest by default, and compares the data; refuses a database that has data
# backup.sh copy-broker          the same for the volume of a broker that is stopped, below /data
# backup.sh restore-broker [NAME]
# What it needs of PostgreSQL comes in by PGHOST, PGUSER, PGPASSWORD and so on. Each backup has a file of checksums beside it; a
# file is renamed to its name when it is whole.
set -euf
umask 077
folder=${BACKUPS:-/backups}
data=${DATA:-/data}
scratch=$(mktemp -d)

if [ -n "${CA:-}" ]; then # the database's own authority
    echo "$CA" >"$scratch/ca.crt"
    export PGSSLROOTCERT="$scratch/ca.crt"
fi

die() {
    echo "$*" >&2
    exit 1
}

sql() { psql -XAtq -v ON_ERROR_STOP=1 "$@"; }

# One line for each table (rows, digest of its rows in any order) and each sequence.
digest_sql="
set timezone to 'UTC'; set datestyle to 'ISO, YMD'; set extra_float_digits to 1; set bytea_output to 'hex';
select name || ' ' || (xpath('/row/n/text()', rows))[1] || ' ' || (xpath('/row/d/text()', rows))[1] from (
  select format('%I.%I', schemaname, tablename) as name, query_to_xml(format(
    'select count(*) as n, md5(coalesce(string_agg(md5(t::text), '''' order by md5(t::text)), '''')) as d from %I.%I t',
    schemaname, tablename), false, true, '') as rows
  from pg_tables where schemaname !~ '^pg_' and schemaname <> 'information_schema') tables
union all select format('%I.%I %s', schemaname, sequencename, last_value) from pg_sequences order by 1;"

# Tables that hold a row, by commas.
filled_sql="
select coalesce(string_agg(name, ', '), '') from (
  select format('%I.%I', schemaname, tablename) as name, query_to_xml(format(
    'select 1 as one from %I.%I limit 1', schemaname, tablename), false, true, '')::text as rows
  from pg_tables where schemaname !~ '^pg_' and schemaname <> 'information_schema') tables where rows <> '';"

newest() { # SUFFIX
    find "$folder" -maxdepth 1 -name "[0-9]*.$1" | sort | tail -n 1 | sed 's|.*/||'
}

finish() { # NAME SUFFIX: what is whole gets its name, and what is more than $KEEP goes
    (cd "$folder" && sha256sum ".$1.$2" | sed "s|  \.|  |" >".$1.$2.sha256")
    mv "$folder/.$1.$2.sha256" "$folder/$1.$2.sha256"
    mv "$folder/.$1.$2" "$folder/$1.$2"
    find "$folder" -maxdepth 1 -name "[0-9]*.$2" | sort -r | tail -n "+$((KEEP + 1))" | while read -r old; do
        rm -f "$old" "$old.sha256" "${old%."$2"}.digest"
    done
    echo "$1.$2: $(du -k "$folder/$1.$2" | cut -f 1) KiB"
}

chosen() { # NAME SUFFIX: the file to restore, after its checksum was compared
    file=${1:-$(newest "$2")}
    [ -n "$file" ] || die "there is no backup (*.$2) on the volume"
    [ -f "$folder/$file" ] || die "there is no backup $file on the volume"
    (cd "$folder" && sha256sum -c "$file.sha256" >/dev/null 2>&1) || die "the backup $file is damaged: its checksum differs"
    echo "$file"
}

dump() {
    find "$folder" -maxdepth 1 -name '.[0-9]*' -exec rm -rf {} + # of one that was killed
    name=$(date -u +%Y%m%dT%H%M%SZ)
    mkfifo "$scratch/ask"
    sql <"$scratch/ask" >"$scratch/snapshot" & # holds the snapshot that dump and digest are made of
    exec 3>"$scratch/ask"
    echo 'begin isolation level repeatable read read only; select pg_export_snapshot();' >&3
    until [ -s "$scratch/snapshot" ]; do
        kill -0 $! 2>/dev/null || die "the database $PGDATABASE at $PGHOST can't be read, see above"
        sleep 1
    done
    snapshot=$(cat "$scratch/snapshot")
    pg_dump --format=custom --no-owner --no-privileges --snapshot="$snapshot" --file="$folder/.$name.dump"
    {
        echo "begin isolation level repeatable read read only; set transaction snapshot '$snapshot';"
        echo "$digest_sql"
    } | sql >"$folder/$name.digest"
    exec 3>&-
    finish "$name" dump
}

restore() {
    file=$(chosen "${1:-}" dump)
    filled=$(sql -c "$filled_sql")
    if [ -n "$filled" ] && [ "${OVERWRITE:-false}" != true ]; then
        die "the database $PGDATABASE at $PGHOST has data ($filled): nothing was restored"
    fi
    pg_restore --clean --if-exists --no-owner --no-privileges --exit-on-error --single-transaction \
        --dbname="$PGDATABASE" "$folder/$file" || die "$file was not restored, the database is as it was: see above"
    echo "$digest_sql" | sql >"$scratch/digest"
    if ! cmp -s "$folder/${file%.dump}.digest" "$scratch/digest"; then
        diff "$folder/${file%.dump}.digest" "$scratch/digest" >&2 || true
        [ -n "$filled" ] || die "$file was restored, but the data differ from what was dumped: see above"
        echo "the data differ from what was dumped where somebody wrote meanwhile, see above" >&2
    fi
    echo "$file: restored, $(wc -l <"$scratch/digest") tables and sequences with the digests of the dump"
}

copy_broker() {
    find "$folder" -maxdepth 1 -name '.[0-9]*' -exec rm -rf {} +
    [ -e "$data/kafka/meta.properties" ] || die "there is no broker's data on its volume"
    name=$(date -u +%Y%m%dT%H%M%SZ)
    set -- kafka
    if [ -d "$data/users" ]; then set -- kafka users; fi
    tar -C "$data" -czf "$folder/.$name.tar.gz" "$@"
    finish "$name" tar.gz
}

restore_broker() {
    file=$(chosen "${1:-}" tar.gz)
    filled=$(find "$data/kafka" -name '*.log' -size +0 2>/dev/null | sed 's|/[^/]*$||; s|.*/||; s|-[0-9]*$||' |
        grep -v '^__' | sort -u | tr '\n' ' ')
    if [ -n "$filled" ] && [ "${OVERWRITE:-false}" != true ]; then
        die "the broker has messages (topics ${filled% }): nothing was restored"
    fi
    rm -rf "$data/.restored"
    mkdir "$data/.restored"
    tar -C "$data/.restored" -xzf "$folder/$file" || die "$file can't be unpacked: nothing was restored"
    rm -rf "$data/kafka" "$data/users"
    mv "$data/.restored/kafka" "$data/"
    if [ -d "$data/.restored/users" ]; then mv "$data/.restored/users" "$data/"; fi
    rm -rf "$data/.restored"
    echo "$file: restored"
}

case "${1:-}" in
dump) dump ;;
restore) restore "${2:-}" ;;
copy-broker) copy_broker ;;
restore-broker) restore_broker "${2:-}" ;;
*) die "usage: backup.sh dump|restore|copy-broker|restore-broker [NAME]" ;;
esac
