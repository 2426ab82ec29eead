#!/bin/bash
# Makes the cluster where there is none, then becomes the command that is given.
set -euo pipefail
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    : "${POSTGRES_PASSWORD:?is needed to make the cluster}"
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    initdb --username=postgres --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 \
        --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD")
    printf 'host all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf"
    printf "listen_addresses = '*'\n" >> "$PGDATA/postgresql.conf"
fi
exec "$@"
