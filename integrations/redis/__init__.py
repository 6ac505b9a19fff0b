"""Redis for callers that must not wait: short timeouts, no retries, and a circuit breaker."""

from integrations.redis.client import FailFastRedis, RedisUnavailable, Script, is_own_command, redis_for

__all__ = [
    "FailFastRedis",
    "RedisUnavailable",
    "Script",
    "is_own_command",
    "redis_for",
]
