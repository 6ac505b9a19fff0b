"""gunicorn's settings: ``gunicorn enginel.wsgi --config python:enginel.gunicorn``."""

from __future__ import annotations

from designs.logs import standard_error

__all__: list[str] = []

worker_class = "enginel.worker.Worker"
workers = 2
threads = 4
# Each connection, even an idle one, takes a file descriptor; 1,024 is a common limit of a process.
worker_connections = 800
timeout = 60
graceful_timeout = 5
# Longer than clients and proxies keep idle connections, mostly a minute: a request on a closing connection fails.
keepalive = 75
# The default is in the user's home, which a container may mount read-only.
control_socket_disable = True
# gunicorn trusts such headers from loopback and unix sockets, but clients on this host use these, too.
# Django decides by ENGINEL_BEHIND_PROXY whether to trust a proxy.
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
    """Write standard error as JSON in the process that starts the workers; gunicorn calls this."""
    standard_error.serve()
