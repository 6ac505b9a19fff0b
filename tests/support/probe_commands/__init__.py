"""A Django app of management commands that fail in every way."""
