"""Real purchase histories, replayed: each purchase becomes an order that is placed and paid."""
