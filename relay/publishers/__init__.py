"""Publishers: the only place in relay that imports a Kafka client."""
