"""JSON logs and the standard error of the service."""

from designs.logs.json_lines import JSONFormatter, console_handler, exception_text

__all__ = [
    "JSONFormatter",
    "console_handler",
    "exception_text",
]
