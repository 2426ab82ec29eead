#!/bin/sh
# Creates the topics of the example. Safe to run again.
set -eu
for topic in shop.customers shop.orders shop.products shop.deployments; do
    /opt/kafka/bin/kafka-topics.sh --bootstrap-server "$KAFKA_BOOTSTRAP_SERVERS" \
        --create --if-not-exists --topic "$topic" --partitions 3 --replication-factor 1
done
