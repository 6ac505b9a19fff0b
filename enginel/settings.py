"""All Django settings, from environment variables; docs/reference.md has their table."""

from __future__ import annotations

import datetime
import os
import secrets
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from enginel import service_urls
from enginel.env import Env, EnvProblem
from enginel.release import release_of
from enginel.statedir import socket_path

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env(os.environ)

# --- Where and how this process runs -----------------------------------------------------------------
ENGINEL_ENVIRONMENT = env.setting("ENGINEL_ENVIRONMENT")
_LOCAL = ENGINEL_ENVIRONMENT != "production"
ENGINEL_STATE_DIR = Path(env.text("ENGINEL_STATE_DIR", str(BASE_DIR / "var"))).resolve()
ENGINEL_RELEASE = release_of(BASE_DIR, env.text("ENGINEL_RELEASE"))
DEBUG = env.setting("ENGINEL_DEBUG")
if DEBUG and not _LOCAL:
    env.report(
        "ENGINEL_DEBUG",
        "ENGINEL_DEBUG is on in production; debug pages show settings and source code to everyone.",
        "Unset it, or set ENGINEL_ENVIRONMENT=development for a local run.",
    )
    DEBUG = False

SECRET_KEY = env.secret("ENGINEL_SECRET_KEY") or (
    service_urls.development_secret_key(env, ENGINEL_STATE_DIR) if _LOCAL else ""
)
if not SECRET_KEY:
    env.report(
        "ENGINEL_SECRET_KEY",
        "ENGINEL_SECRET_KEY is not set; production has no default.",
        "Set it or ENGINEL_SECRET_KEY_FILE to 50 random characters; for a local try, ENGINEL_ENVIRONMENT=development.",
    )
    # Without a key Django stops before the checks can report why. This one is used once.
    SECRET_KEY = secrets.token_urlsafe(48)
elif len(SECRET_KEY) < 32:
    env.report("ENGINEL_SECRET_KEY", "ENGINEL_SECRET_KEY is too short.", "Use at least 32 random characters.")

ALLOWED_HOSTS = env.words("ENGINEL_ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]") if _LOCAL else ())
CSRF_TRUSTED_ORIGINS = env.words("ENGINEL_CSRF_TRUSTED_ORIGINS")
if not all(origin.startswith(("https://", "http://")) for origin in CSRF_TRUSTED_ORIGINS):
    env.report(
        "ENGINEL_CSRF_TRUSTED_ORIGINS",
        "ENGINEL_CSRF_TRUSTED_ORIGINS names an origin without a scheme.",
        "Use for example https://cad.example.com.",
    )
if not ALLOWED_HOSTS:
    env.report(
        "ENGINEL_ALLOWED_HOSTS",
        "ENGINEL_ALLOWED_HOSTS is not set; production answers to no host.",
        "Set the host names this service is reached by, separated by commas.",
    )

# --- Outside services --------------------------------------------------------------------------------

DATABASES = {"default": service_urls.database(env, ENGINEL_STATE_DIR, local=_LOCAL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = service_urls.redis_url(env)
# True: no URL was set, so development and tests use the server that enginel.local finds or starts.
ENGINEL_EMBEDDED_VALKEY = _LOCAL and not REDIS_URL
if ENGINEL_EMBEDDED_VALKEY:
    REDIS_URL = f"unix://{socket_path(ENGINEL_STATE_DIR)}"
elif not REDIS_URL and not any(problem.name == "REDIS_URL" for problem in env.problems):
    env.report("REDIS_URL", "REDIS_URL is not set.", "Set redis://HOST:6379/0 (Redis or Valkey 7 or newer).")

CELERY_BROKER_URL = service_urls.broker_url(env, REDIS_URL)
CELERY_RESULT_BACKEND = CELERY_BROKER_URL
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ALWAYS_EAGER = env.setting("ENGINEL_TASKS_EAGER")
CELERY_TASK_EAGER_PROPAGATES = False
CELERY_TASK_TRACK_STARTED = True
# No code reads results. Only chords and tasks with ignore_result=False need a backend.
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = 3600
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Celery's scheduler with a heartbeat.
CELERY_BEAT_SCHEDULER = "integrations.celery.scheduler:Scheduler"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A request must not wait for a dead broker: one try, then ExternalServiceError.
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 2, "socket_connect_timeout": 1, "max_retries": 0}
CELERY_TASK_PUBLISH_RETRY = False

SENTRY_DSN = service_urls.sentry_dsn(env)
ENGINEL_WINDOW_SECONDS = env.setting("ENGINEL_WINDOW_SECONDS")
ENGINEL_REDACT_EMAIL, ENGINEL_REDACT_IP = env.setting("ENGINEL_REDACT_EMAIL"), env.setting("ENGINEL_REDACT_IP")
# None: the packages of the project's own apps.
ENGINEL_IN_APP_PACKAGES = env.words("ENGINEL_IN_APP_PACKAGES") or None
ENGINEL_SENTRY_GROUPING = env.setting("ENGINEL_SENTRY_GROUPING")
ENGINEL_SENTRY_CRONS = env.setting("ENGINEL_SENTRY_CRONS")
ENGINEL_SENTRY_ISSUE_URL = env.setting("ENGINEL_SENTRY_ISSUE_URL")
ENGINEL_SENTRY_TRACES_SAMPLE_RATE = env.setting("ENGINEL_SENTRY_TRACES_SAMPLE_RATE")
ENGINEL_OTLP_ENDPOINT = env.setting("ENGINEL_OTLP_ENDPOINT")
ENGINEL_OTLP_SAMPLE_RATE = env.setting("ENGINEL_OTLP_SAMPLE_RATE")

# Tasks outside of a module named tasks.
CELERY_IMPORTS = ["designs.reconciliation", "designs.worker.periodic_tasks"]
_BEAT_SECONDS = 10.0
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "fail-lost-designs": {
        "task": "designs.fail_lost_designs",
        "schedule": _BEAT_SECONDS,
        "options": {"expires": _BEAT_SECONDS},
    }
}
ENGINEL_HEALTH_ROUND_SECONDS = env.setting("ENGINEL_HEALTH_ROUND_SECONDS")
if ENGINEL_HEALTH_ROUND_SECONDS:
    CELERY_BEAT_SCHEDULE["check-health"] = {
        "task": "designs.tasks_monitoring.check_health",
        "schedule": ENGINEL_HEALTH_ROUND_SECONDS,
        "options": {"expires": ENGINEL_HEALTH_ROUND_SECONDS},
    }
if SENTRY_DSN:
    CELERY_BEAT_SCHEDULE["replay-sentry-outbox"] = {
        "task": "designs.tasks_monitoring.replay_sentry_outbox",
        "schedule": _BEAT_SECONDS,
        # The next run does the work of an expired one.
        "options": {"expires": _BEAT_SECONDS},
    }

# --- Limits ------------------------------------------------------------------------------------------
_MEBIBYTE = 1024 * 1024
ENGINEL_MAX_UPLOAD_BYTES = env.setting("ENGINEL_MAX_UPLOAD_BYTES")
ENGINEL_CLIENT_GRACE_SECONDS = env.setting("ENGINEL_CLIENT_GRACE_SECONDS")
ENGINEL_CLIENT_MIN_BYTES_PER_SECOND = env.setting("ENGINEL_CLIENT_MIN_BYTES_PER_SECOND")
ENGINEL_KERNEL_TIMEOUT_SECONDS = env.setting("ENGINEL_KERNEL_TIMEOUT_SECONDS")
ENGINEL_KERNEL_MEMORY_BYTES = env.setting("ENGINEL_KERNEL_MEMORY_BYTES")
# The kernel's deadline ends a task first. These two end tasks that hang outside of the kernel.
CELERY_TASK_SOFT_TIME_LIMIT = ENGINEL_KERNEL_TIMEOUT_SECONDS + 20
CELERY_TASK_TIME_LIMIT = ENGINEL_KERNEL_TIMEOUT_SECONDS + 30
ENGINEL_TOKEN_TTL_HOURS = env.setting("ENGINEL_TOKEN_TTL_HOURS")

# --- Application -------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "designs",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "health_check",
]
MIDDLEWARE = [
    # Outermost, so that it sees the responses that every other layer made of exceptions.
    "designs.middleware.ErrorTrackingMiddleware",
    "designs.middleware.RequestLoggingMiddleware",
    "designs.middleware.PerformanceMonitoringMiddleware",
    "designs.middleware.MetricsMiddleware",
    "designs.middleware.HeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "enginel.static_files.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
# Profiles of a page (queries, time) on request, for developers on the same machine.
INTERNAL_IPS = ["127.0.0.1", "::1"]
PYINSTRUMENT_URL_ARGUMENT = "profile"
PYINSTRUMENT_SHOW_CALLBACK = "debug_toolbar.middleware.show_toolbar"
_PROFILERS = ("debug_toolbar", "pyinstrument")
if DEBUG and ENGINEL_ENVIRONMENT == "development" and all(find_spec(name) for name in _PROFILERS):
    INSTALLED_APPS.append("debug_toolbar")
    MIDDLEWARE[2:2] = ["debug_toolbar.middleware.DebugToolbarMiddleware", "pyinstrument.middleware.ProfilerMiddleware"]
ROOT_URLCONF = "enginel.urls"
WSGI_APPLICATION = "enginel.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_USER_MODEL = "designs.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "designs.access.logins.EndLoginsOnPasswordChange"},
]
LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = ENGINEL_STATE_DIR / "static"
# Development serves straight from the packages; production runs collectstatic.
WHITENOISE_USE_FINDERS = _LOCAL
WHITENOISE_AUTOREFRESH = _LOCAL
LOGIN_URL = "admin:login"
CSRF_FAILURE_VIEW = "designs.http.error_responses.csrf_failure"

STORAGES = {
    "default": service_urls.storage(env, ENGINEL_STATE_DIR),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1 * _MEBIBYTE

ENGINEL_BEHIND_PROXY = _BEHIND_PROXY = env.setting("ENGINEL_BEHIND_PROXY")

# --- Access to /metrics ------------------------------------------------------------------------------
ENGINEL_METRICS_TOKEN = env.setting("ENGINEL_METRICS_TOKEN")

ENGINEL_METRICS_ALLOWED_IPS = service_urls.metrics_allowed_ips(env, local=_LOCAL)

# --- HTTP API ----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "designs.access.authentication.TokenAuthentication",
        "designs.access.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "designs.http.negotiation.ContentNegotiation",
    # OPTIONS is 405 everywhere: DRF's response describes views to users without permission.
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "designs.http.pagination.PageNumberPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_THROTTLE_RATES": {
        "login": env.matching(
            "ENGINEL_LOGIN_RATE",
            "10/min",
            r"[1-9]\d{0,8}/(s|sec|m|min|h|hour|d|day)",
            "Use for example 10/min.",
        )
    },
    "EXCEPTION_HANDLER": "designs.http.error_responses.exception_handler",
    "PAGE_SIZE": 50,
}
REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Bearer",
    "TOKEN_TTL": datetime.timedelta(hours=ENGINEL_TOKEN_TTL_HOURS),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Enginel",
    "DESCRIPTION": "CAD designs, their geometry and bills of materials, and the errors on the way.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- Transport security ------------------------------------------------------------------------------
_HTTPS = env.flag("ENGINEL_HTTPS", default=not _LOCAL)
SESSION_ENGINE = "designs.access.sessions"
# A working day; tokens live as long.
SESSION_COOKIE_AGE = 10 * 3_600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SECURE_SSL_REDIRECT = False
SECURE_HSTS_SECONDS = env.setting("ENGINEL_HSTS_SECONDS")
if _BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- Logging -----------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "designs.logs.JSONFormatter"}},
    "filters": {"recorded": {"()": "designs.logs.log_filters.SkipRecordedFailures"}},
    "handlers": {"console": {"()": "designs.logs.console_handler", "formatter": "json", "filters": ["recorded"]}},
    "root": {
        "handlers": ["console"],
        "level": env.setting("ENGINEL_LOG_LEVEL"),
    },
    "loggers": {
        # Django's own handlers would print each line a second time, in another shape.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # Celery's process pool takes this one out of the tree and, unless Celery sets logging up, leaves it bare.
        "multiprocessing": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        # An ASGI server has set its own handlers before it loads the application; they print text, and exceptions raw.
        **{name: {"handlers": [], "propagate": True} for name in ("uvicorn", "uvicorn.error", "daphne", "hypercorn")},
        "uvicorn.access": {"handlers": [], "level": "WARNING", "propagate": False},
    },
}

# Code that reads the other settings of the table has their defaults, so only variables that are set are added here.
globals().update(env.remaining())

# Read by enginel.local and the test suite, or with another storage only.
_KNOWN_ELSEWHERE = frozenset(
    {
        "ENGINEL_BUGSINK_PORT",
        "ENGINEL_PORT",
        "ENGINEL_REQUIRE_SERVICES",
        "ENGINEL_S3_ACCESS_KEY",
        "ENGINEL_S3_ACCESS_KEY_FILE",
        "ENGINEL_S3_BUCKET",
        "ENGINEL_S3_ENDPOINT_URL",
        "ENGINEL_S3_ENDPOINT_URL_FILE",
        "ENGINEL_S3_REGION",
        "ENGINEL_S3_SECRET_KEY",
        "ENGINEL_S3_SECRET_KEY_FILE",
        "ENGINEL_STORAGE_DIR",
        "ENGINEL_VALKEY_PORT",
        "ENGINEL_WORKERS",
    }
)
ENGINEL_ENV_PROBLEMS: tuple[EnvProblem, ...] = tuple(env.problems)
ENGINEL_ENV_NAMES = _KNOWN_ELSEWHERE.union(env.read)
ENGINEL_ENV_UNKNOWN: tuple[EnvProblem, ...] = tuple(env.unknown("ENGINEL_", also=_KNOWN_ELSEWHERE))
