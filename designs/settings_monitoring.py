"""Settings of the monitoring, one row each: records, grouping, Sentry, metrics and health."""

from __future__ import annotations

from designs.settings_model import Kind, Setting, choice, count, flag, seconds, share, words

__all__ = ["MONITORING"]

_MEBIBYTE = 1024 * 1024
_DAY = 86_400
_YEAR = 365 * _DAY

_RECORDS = (
    count("ENGINEL_RING_SIZE", 100, "occurrences", "kept in the ring: what one person can look through", 1, 100_000),
    count("ENGINEL_RING_SECONDS", 3600, "seconds", "age at which an occurrence leaves the ring", 1, _YEAR),
    count("ENGINEL_MAX_GROUPS", 10_000, "groups", "kept in Redis, some 20 MB; the least recent goes first", 1, 10**6),
    count("ENGINEL_GROUP_SECONDS", _DAY, "seconds", "how long a group is kept after its last occurrence", 1, _YEAR),
    count(
        "ENGINEL_MAX_EVENT_BYTES",
        65_536,
        "bytes",
        "size of a record as JSON, so that a hundred never strain Redis or a page; a larger one goes without its"
        " context",
        1024,
        16 * _MEBIBYTE,
    ),
    count("ENGINEL_LOCAL_RING_SIZE", 100, "records", "kept in full by a process while Redis is away", 1, 100_000),
    seconds(
        "ENGINEL_HAND_OVER_SECONDS",
        1.0,
        "how often a process tries to deliver its backlog; 0: never by itself",
        0,
        3600,
    ),
    count(
        "ENGINEL_WINDOW_SECONDS",
        300,
        "seconds",
        "period of the gate: the same failure passes at 1, 10, 100, ... within it",
        1,
        _DAY,
    ),
    flag(
        "ENGINEL_REDACT_EMAIL",
        False,
        "remove e-mail addresses from records, logs and Sentry; off: they tell users apart",
    ),
    flag("ENGINEL_REDACT_IP", False, "remove IP addresses from records, logs and Sentry"),
)
_GROUPING = (
    words(
        "ENGINEL_IN_APP_ROOTS", (), "folders whose code decides the grouping", shown="the checkout", kind=Kind.FOLDERS
    ),
    words(
        "ENGINEL_IN_APP_PACKAGES",
        (),
        "packages that are own code wherever they are installed",
        shown="the project's own apps, see Grouping",
        kind=Kind.PACKAGES,
    ),
    flag(
        "ENGINEL_FINGERPRINT_SOURCE_LINE",
        True,
        "whether the innermost own source line is part of the key, which keeps two raises of one function apart; off"
        " everywhere for fleets with hosts that have no source",
    ),
    Setting(
        "ENGINEL_FINGERPRINT_HOOK",
        Kind.CALLABLE,
        None,
        "none",
        "gets a dict (`type`, `message`, `task`, `parts`, `site`, `exception` or `event`), returns the group's"
        " parts as a"
        " list, or None; ignored for a minute where it is slower than 50 ms",
    ),
    words(
        "ENGINEL_FINGERPRINT_OUTAGE_OFF",
        (),
        "aliases, hosts or families (`database`, `redis`, `broker`, `http`, `*`) whose outages are grouped by stack",
    ),
)
_SENTRY = (
    choice(
        "ENGINEL_SENTRY_GROUPING",
        "enginel",
        ("enginel", "hybrid", "sentry"),
        "whose groups the issues are: `enginel` ours, `hybrid` ours split as Sentry would, `sentry` Sentry's with"
        " ours as"
        " a tag",
    ),
    flag("ENGINEL_SENTRY_CRONS", False, "monitor beat's tasks as crons"),
    share("ENGINEL_SENTRY_TRACES_SAMPLE_RATE", 0.0, "share of requests traced"),
    Setting(
        "ENGINEL_SENTRY_ISSUE_URL",
        Kind.URL,
        "",
        "none",
        "list of issues in Sentry, such as `https://sentry.example.com/organizations/acme/issues/`, for links of"
        " records",
        shown_default="empty: no links",
    ),
    Setting(
        "ENGINEL_SENTRY_OPTIONS",
        Kind.OPTIONS,
        None,
        "none",
        "further options of the Sentry SDK that a deployment needs, such as proxies; a JSON object as a variable",
        shown_default="empty",
    ),
    seconds(
        "ENGINEL_SENTRY_LEASE_SECONDS",
        30.0,
        "how long the capturing process may send an event before replay takes it over: three requests",
        1,
        3600,
    ),
    Setting(
        "ENGINEL_OTLP_ENDPOINT",
        Kind.URL,
        "",
        "none",
        "where traces are sent, OTLP over HTTP, such as `http://collector:4318`",
        shown_default="empty: tracing is off",
    ),
    share("ENGINEL_OTLP_SAMPLE_RATE", 0.1, "share of the traces begun here that are kept"),
)
_METRICS = (
    Setting(
        "ENGINEL_METRICS_TOKEN",
        Kind.SECRET,
        "",
        "none",
        "what Prometheus sends to `/metrics` as bearer token; without one, no token opens the page",
        minimum=16,
    ),
    words(
        "ENGINEL_METRICS_ALLOWED_IPS",
        (),
        "addresses and networks that read `/metrics` without the token",
        shown="none in production, else loopback",
        kind=Kind.NETWORKS,
    ),
    seconds(
        "ENGINEL_METRICS_CACHE_SECONDS", 1.0, "how long a process serves one page: many scrapes are one read", 0, 60
    ),
    seconds(
        "ENGINEL_METRICS_HEALTH_SECONDS",
        30.0,
        "age of the last health checks at which a scrape runs them again; 0: never",
        0,
        3600,
    ),
    seconds(
        "ENGINEL_METRICS_FLUSH_SECONDS",
        1.0,
        "how often a process delivers its metrics, so what a SIGKILL may cost; 0: only when read",
        0,
        3600,
    ),
    count(
        "ENGINEL_METRICS_MAX_SERIES",
        1_000,
        "series",
        "kept by a process, a megabyte; more are counted under `__overflow__`",
        1,
        10**6,
    ),
    count("ENGINEL_METRICS_SECONDS", _DAY, "seconds", "how long counters are kept after their last growth", 1, _YEAR),
    count(
        "ENGINEL_OPERATION_STATS_SECONDS",
        3_600,
        "seconds",
        "how long statistics of an operation are kept after its last run",
        1,
        _YEAR,
    ),
    count("ENGINEL_GAUGE_SECONDS", 300, "seconds", "age at which a gauge is out of date", 1, _YEAR),
    Setting(
        "ENGINEL_SLOW_SECONDS",
        Kind.NUMBERS,
        None,
        "seconds",
        "durations from which an operation is slow, by its name, the empty name for all others; a JSON object as"
        " a variable",
        0,
        _YEAR,
        shown_default="requests 5, geometry and bills of materials 30, uploads 60, others 30",
    ),
    words(
        "ENGINEL_REQUEST_LOG_PREFIXES",
        ("/api/",),
        "beginnings of the paths whose requests are logged; `/` logs all, most of which is noise",
    ),
)
_HEALTH = (
    seconds("ENGINEL_HEALTH_CACHE_SECONDS", 1.0, "how long a result is reused: many probes cost one run", 0, 60),
    seconds(
        "ENGINEL_HEALTH_DEADLINE_SECONDS",
        2.0,
        "how long a check may take: probes of load balancers give up after five or more",
        0.05,
        60,
    ),
    count(
        "ENGINEL_HEALTH_QUEUE_DEPTH",
        1_000,
        "tasks",
        "unfinished tasks beyond which Celery is degraded: more than an evening's uploads",
        0,
        10**9,
    ),
    seconds(
        "ENGINEL_HEALTH_TASK_SECONDS",
        900.0,
        "age of an unfinished task beyond which Celery is degraded: tasks take seconds",
        0,
        _YEAR,
    ),
    count(
        "ENGINEL_HEALTH_STORAGE_FREE_BYTES",
        256 * _MEBIBYTE,
        "bytes",
        "free space below which the storage is degraded: a few of the largest uploads",
        0,
        10**15,
    ),
    seconds(
        "ENGINEL_HEALTH_DELIVERY_SECONDS",
        60.0,
        "age of an undelivered event beyond which delivery is degraded",
        0,
        _YEAR,
    ),
    flag("ENGINEL_HEALTH_DATABASE_WRITE", True, "whether the check of SQLite takes its write lock"),
    seconds(
        "ENGINEL_HEALTH_ROUND_SECONDS",
        30.0,
        "how often beat and a worker check components without a visitor, less than half of the minute for which a"
        " finding"
        " counts; 0: never",
        0,
        30,
    ),
    seconds(
        "ENGINEL_HEALTH_REFRESH_SECONDS",
        10.0,
        "how often a process that records errors reads what others found; 0: never",
        0,
        3600,
    ),
    words(
        "ENGINEL_READY_COMPONENTS",
        ("database",),
        "components without which a web process is taken out of service; without Redis or workers it still answers, and"
        " taking every process out would turn part of an outage into all of it",
    ),
)
MONITORING = (*_RECORDS, *_GROUPING, *_SENTRY, *_METRICS, *_HEALTH)
