"""Publishing one shard."""
