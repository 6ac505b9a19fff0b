"""Celery workers: signals, the consumer and the periodic tasks of the monitoring."""
