"""Celery beyond its public signals: heartbeats, the scheduler, the broker and the result backend."""
