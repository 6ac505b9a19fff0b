"""The /metrics page: its content, and the read from Redis."""
