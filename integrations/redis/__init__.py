"""Redis for callers that must not wait: short timeouts, no retries, and a circuit breaker."""

from integrations.redis.client import FailFastRedis, RedisUnavailable, is_own_command, load_script, redis_for

__all__ = [
    "FailFastRedis",
    "RedisUnavailable",
    "is_own_command",
    "load_script",
    "redis_for",
]
