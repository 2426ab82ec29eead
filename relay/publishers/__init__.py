"""Publishers: the only place where relay imports a Kafka client."""
