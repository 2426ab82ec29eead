#!/bin/bash
# Writes server.properties from the variables KAFKA_…, formats the storage the first time, then becomes the broker.
set -euo pipefail
config=/opt/kafka/config/server.properties
env | sed -n 's/^KAFKA_\(.*\)$/\1/p' | grep -v '^HEAP_OPTS=' | while IFS='=' read -r name value; do
    name=${name,,}
    printf '%s=%s\n' "${name//_/.}" "$value"
done > "$config"
java() {
    exec /usr/bin/java ${KAFKA_HEAP_OPTS:--Xmx512m} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile=/opt/kafka/log4j2.properties \
        -cp '/opt/kafka/libs/*' "$@"
}
if [ ! -e "$KAFKA_LOG_DIRS/meta.properties" ]; then
    (java kafka.tools.StorageTool format --cluster-id="${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" --config "$config")
fi
java kafka.Kafka "$config"
