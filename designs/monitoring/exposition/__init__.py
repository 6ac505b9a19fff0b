"""The /metrics page: its content, and its data from Redis."""
