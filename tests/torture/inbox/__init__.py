"""The inbox under the same treatment: events that count, a consumer that is hit, and what it did of them."""
