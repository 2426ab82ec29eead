#!/bin/bash
# Builds the base images on this machine, for where no image registry can be reached: Debian by debootstrap, Python,
# PostgreSQL and Java from its packages, and Kafka from Maven as devstack brings it. As root, once:
#   deploy/containers/bases.sh
# It prints the variables that docker-compose.yml takes: eval "$(deploy/containers/bases.sh)".
# DEBIAN_MIRROR names another mirror than debootstrap's own. The images trust the certificates that this machine trusts.
set -euo pipefail
cd "$(dirname "$0")/../.."
suite=${DEBIAN_SUITE:-bookworm}
tag=django-outbox-relay-base
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
exec 3>&1 >&2

docker version > /dev/null # without an engine it says so now, and not when Debian is there
if ! docker image inspect "$tag:debian-$suite" > /dev/null 2>&1; then
    command -v debootstrap > /dev/null || { echo "debootstrap is missing: apt-get install debootstrap"; exit 1; }
    debootstrap --variant=minbase "$suite" "$work/root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
    tar -C "$work/root" -c . | docker import - "$tag:debian-$suite"
    rm -rf "$work/root"
fi

python=${PYTHON:-.venv/bin/python}
cp deploy/containers/bases/* devstack/kafka/log4j2.properties /etc/ssl/certs/ca-certificates.crt "$work"
cp -r "$("$python" -c 'from devstack.kafka import jars; print(jars.brought())')" "$work/jars"
for image in python postgres kafka; do
    docker build --network host --build-arg "DEBIAN=$tag:debian-$suite" --target "$image" --tag "$tag:$image" "$work"
    printf 'export %s_IMAGE=%s\n' "${image^^}" "$tag:$image" >&3
done
# The images are built in the machine's own network, where its package indexes answer.
printf 'export BUILD_NETWORK=host\n' >&3
