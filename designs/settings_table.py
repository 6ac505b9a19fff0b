"""All settings of the service, one row each: the start, the environment and the reference read this table."""

from __future__ import annotations

from designs.settings_model import Kind, Setting, choice, count, flag, other, seconds
from designs.settings_monitoring import MONITORING

__all__ = ["SETTINGS"]

_MEBIBYTE = 1024 * 1024
_YEAR = 365 * 86_400

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_PROCESS = (
    Setting(
        "ENGINEL_ENVIRONMENT",
        Kind.CHOICE,
        "production",
        "none",
        "decides which defaults are safe, and labels records and events",
        choices=("production", "development", "test"),
        shown_default="production; development for manage.py",
    ),
    Setting(
        "ENGINEL_SERVICE", Kind.TEXT, "enginel", "none", "name of this service in liveness answers, logs and events"
    ),
    other(
        "ENGINEL_SECRET_KEY",
        "text, secret, 32 characters or more",
        "signs sessions and links; Django's secret key",
        "none in production",
    ),
    flag("ENGINEL_DEBUG", False, "Django's debug pages; refused in production, since they show settings and source"),
    other(
        "ENGINEL_ALLOWED_HOSTS",
        "list of host names",
        "host names that this service answers to",
        "none in production, else loopback",
    ),
    other(
        "ENGINEL_CSRF_TRUSTED_ORIGINS",
        "list of origins",
        "origins with their scheme that forms may come from, such as `https://cad.example.com`",
    ),
    Setting(
        "ENGINEL_STATE_DIR",
        Kind.PATH,
        None,
        "none",
        "database, storage and logs of a local run; in development `make run` and `manage.py` close the folder"
        " (mode 0700)"
        " and what they keep in it (files 0600) to other users",
        shown_default="var",
    ),
    Setting(
        "ENGINEL_RELEASE",
        Kind.TEXT,
        "",
        "none",
        "version in records, groups, `/metrics`, traces and Sentry, so that a regression differs from an old bug;"
        " `latest`, which Sentry refuses, is none",
        shown_default="`git describe --tags --always --dirty` of the checkout that holds the code, else the package's"
        " version",
    ),
    choice("ENGINEL_LOG_LEVEL", "INFO", _LEVELS, "lowest level that is logged"),
    *(
        other(name, "whole number from 1 to 65535", f"loopback port of `make run` for {what}", default)
        for name, what, default in (
            ("ENGINEL_PORT", "the web server", "8000"),
            ("ENGINEL_VALKEY_PORT", "Valkey", "6390"),
            ("ENGINEL_BUGSINK_PORT", "Bugsink", "8010"),
        )
    ),
)
_SERVICES = (
    other(
        "DATABASE_URL",
        "URL, secret",
        "`postgresql://...` or `sqlite:///...`",
        "SQLite in the state folder; none in production",
    ),
    other(
        "REDIS_URL",
        "URL, secret",
        "`redis://`, `rediss://` or `unix://`; `redis+cluster://[USER:PASSWORD@]HOST:PORT[,HOST:PORT...]` of a cluster;"
        " `redis+sentinel://[USER:PASSWORD@]HOST:PORT[,HOST:PORT...]/SERVICE_NAME[/DB]` of sentinels, with the"
        " credentials"
        " of the servers; both also as `rediss+...`; Redis or Valkey 7 or newer",
        "embedded Valkey; none in production",
    ),
    other(
        "CELERY_BROKER_URL",
        "URL, secret",
        "Celery's broker and result store: a single server, `redis://`, `rediss://` or `unix://`",
        "the URL of Redis; none with a cluster or Sentinel",
    ),
    other("SENTRY_DSN", "URL, secret", "where recorded errors are forwarded", "empty: Sentry is off"),
    other("ENGINEL_STORAGE", "one of: local, s3", "where uploaded files are kept", "local"),
    other("ENGINEL_STORAGE_DIR", "folder", "where local files go", "storage in the state folder"),
    other("ENGINEL_S3_BUCKET", "text", "the bucket"),
    other("ENGINEL_S3_REGION", "text", "region of the bucket"),
    other("ENGINEL_S3_ENDPOINT_URL", "http or https URL", "address of a service that speaks S3"),
    other("ENGINEL_S3_ACCESS_KEY", "text, secret", "key of the bucket", "none: the machine's own role"),
    other("ENGINEL_S3_SECRET_KEY", "text, secret", "secret of the bucket's key", "none: the machine's own role"),
)
_LIMITS = (
    count("ENGINEL_MAX_UPLOAD_BYTES", 100 * _MEBIBYTE, "bytes", "largest upload", 1024, 10 * 1024 * _MEBIBYTE),
    seconds("ENGINEL_CLIENT_GRACE_SECONDS", 10, "how long a request waits for its client in all, both ways", 0.1, 300),
    count(
        "ENGINEL_CLIENT_MIN_BYTES_PER_SECOND",
        8192,
        "bytes per second",
        "minimum rate: each such number of bytes extends the grace by a second",
        1,
        _MEBIBYTE,
    ),
    seconds("ENGINEL_KERNEL_TIMEOUT_SECONDS", 20, "deadline of the CAD kernel for one file", 0.5, 3600),
    count(
        "ENGINEL_KERNEL_MEMORY_BYTES",
        4096 * _MEBIBYTE,
        "bytes",
        "address space of the kernel for one file",
        512 * _MEBIBYTE,
        1024 * 1024 * _MEBIBYTE,
    ),
    Setting(
        "ENGINEL_LOST_DESIGN_SECONDS",
        Kind.NUMBER,
        None,
        "seconds",
        "how long no queue and no live worker has a design's task until the design is failed; longer than a task"
        " may run,"
        " since a worker that shuts down ends its heartbeat before its last tasks",
        1,
        _YEAR,
        shown_default="60, or 10 more than a task may run",
    ),
    flag("ENGINEL_TASKS_EAGER", False, "run tasks in the request, for tests"),
    count("ENGINEL_TOKEN_TTL_HOURS", 10, "hours", "life of a login's token: a working day", 1, 24 * 365),
    other(
        "ENGINEL_LOGIN_RATE",
        "number/period: s, min, hour or day",
        "logins tried from one address (IPv6: one /64) and for one user name, API and admin site together, the old"
        " password of a change included",
        "10/min",
    ),
    other("ENGINEL_HTTPS", "yes or no", "cookies over HTTPS only", "on in production"),
    Setting(
        "ENGINEL_HSTS_SECONDS",
        Kind.INTEGER,
        0,
        "seconds",
        "`max-age` of Strict-Transport-Security, in answers over HTTPS only",
        0,
        10**9,
        shown_default="0; a year in the samples of `deploy/` and Compose",
    ),
    flag(
        "ENGINEL_BEHIND_PROXY",
        False,
        "believe `X-Forwarded-Proto` and the last address of `X-Forwarded-For` of a proxy",
    ),
)
SETTINGS = {row.name: row for row in (*_PROCESS, *_SERVICES, *_LIMITS, *MONITORING)}
