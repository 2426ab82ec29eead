"""One relay among others: leases, heartbeats, and a fair share of the shards."""
