#!/bin/bash
# Makes the cluster where there is none, then becomes the command that is given.
set -euo pipefail
case $1 in -*) set -- postgres "$@" ;; esac
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    [ "$method" = trust ] || : "${POSTGRES_PASSWORD:?is needed to make the cluster}"
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    initdb --username=postgres --auth-local=trust --auth-host="$method" --encoding=UTF8 --locale=C.UTF-8 \
        --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-unused}")
    printf 'host all all all %s\n' "$method" >> "$PGDATA/pg_hba.conf"
    printf "listen_addresses = '*'\n" >> "$PGDATA/postgresql.conf"
fi
exec "$@"
