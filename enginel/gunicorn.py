"""gunicorn's settings: ``gunicorn enginel.wsgi --config python:enginel.gunicorn``."""

from __future__ import annotations

from designs.logs import standard_error

__all__: list[str] = []

worker_class = "enginel.worker.Worker"
workers = 2
threads = 4
# Each is a file descriptor, idle ones too, and 1,024 is a common limit of a process.
worker_connections = 800
timeout = 60
graceful_timeout = 5
# Longer than whoever sends requests keeps idle connections, a minute mostly: one that meets a closing one fails.
keepalive = 75
# Its default place is the user's home, which a container may mount read-only.
control_socket_disable = True
# gunicorn believes such headers when they come from loopback or a unix socket, where clients of this host are, too.
# Whether a proxy is believed is Django's to judge, by ENGINEL_BEHIND_PROXY.
forwarder_headers = ""
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "designs.logs.JSONFormatter"}},
    "handlers": {"console": {"()": "designs.logs.console_handler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "gunicorn.error": {"handlers": [], "level": "INFO", "propagate": True},
        "gunicorn.access": {"handlers": [], "level": "WARNING", "propagate": False},
    },
}


def on_starting(server: object) -> None:
    """Make standard error JSON in the process that starts the workers; gunicorn calls this."""
    standard_error.serve()
