#!/bin/bash
# Whether the broker answers: it asks for its versions (ApiVersions, version 0) and waits for the answer. A frozen broker
# still accepts connections, and a JVM for each probe would cost a quarter of a core.
set -euo pipefail
exec 3<> "/dev/tcp/${1:-127.0.0.1}/${2:-9092}"
printf '\0\0\0\012\0\022\0\0\0\0\0\001\377\377' >&3
LC_ALL=C IFS= read -r -t 4 -n 1 _ <&3
