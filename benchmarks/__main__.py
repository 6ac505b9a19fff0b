"""All benchmarks; those of errors compare recording with the Sentry SDK on the same exception.

Method. One process; embedded Valkey on a unix socket; the SDK with default settings and a transport that discards
envelopes. The exception has 40 frames with eight locals each. Contenders run in alternating rounds (`timing`). The
measure is the wall time of single calls, for which a caller waits.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from enginel.local.valkey import EmbeddedValkey


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="enginel-bench-") as folder:
        server = EmbeddedValkey(Path(folder), persistent=False)
        server.start()
        try:
            os.environ.update(
                ENGINEL_ENVIRONMENT="development",
                ENGINEL_STATE_DIR=folder,
                REDIS_URL=server.url,
                DJANGO_SETTINGS_MODULE="enginel.settings",
                ENGINEL_LOG_LEVEL="CRITICAL",
            )
            import django

            django.setup()
            from benchmarks import cad, errors, exposition, health, middleware, operations, outbox, redaction, sentry

            errors.run(server)
            redaction.run()
            sentry.run()
            outbox.run()
            health.run(server)
            exposition.run(server)
            operations.run(server)
            middleware.run(server)
            cad.run()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
