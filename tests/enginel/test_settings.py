"""Settings from the environment: development works with none, production refuses to guess."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import enginel.settings as running_settings

SECRET = "hunter2" * 8
PRODUCTION = {
    "ENGINEL_SECRET_KEY": SECRET,
    "ENGINEL_ALLOWED_HOSTS": "cad.example.com",
    "DATABASE_URL": f"postgresql://enginel:{SECRET}@db:5432/enginel",
    "REDIS_URL": "redis://cache:6379/0",
}
Load = Callable[..., ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Load:
    """Run the settings module anew, in an environment of its own."""

    def run(**environ: str) -> ModuleType:
        monkeypatch.setattr(os, "environ", {"ENGINEL_STATE_DIR": str(tmp_path / "state"), **environ})
        spec = importlib.util.spec_from_file_location("settings_under_test", running_settings.__file__)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return run


def names(settings: ModuleType) -> list[str]:
    return [problem.name for problem in settings.ENGINEL_ENV_PROBLEMS]


class TestProduction:
    def test_it_is_what_runs_unless_told_otherwise(self, load: Load) -> None:
        assert load(**PRODUCTION).ENGINEL_ENVIRONMENT == "production"

    def test_it_has_no_problems_with_what_it_needs(self, load: Load) -> None:
        settings = load(**PRODUCTION)

        assert names(settings) == []
        assert settings.ENGINEL_ENV_UNKNOWN == ()
        assert (settings.DEBUG, settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE) == (False, True, True)
        assert settings.ALLOWED_HOSTS == ["cad.example.com"]
        assert settings.DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql"
        assert settings.CELERY_BROKER_URL == settings.CELERY_RESULT_BACKEND == "redis://cache:6379/0"
        assert not settings.ENGINEL_EMBEDDED_VALKEY

    @pytest.mark.parametrize("missing", PRODUCTION)
    def test_it_misses_each_of_them(self, load: Load, missing: str) -> None:
        assert names(load(**{name: value for name, value in PRODUCTION.items() if name != missing})) == [missing]

    def test_it_misses_all_of_them_at_once(self, load: Load) -> None:
        assert names(load()) == list(PRODUCTION)

    def test_two_processes_without_a_key_do_not_share_a_guessable_one(self, load: Load) -> None:
        assert load().SECRET_KEY != load().SECRET_KEY

    def test_secrets_may_come_from_files(self, load: Load, tmp_path: Path) -> None:
        for name, value in PRODUCTION.items():
            (tmp_path / name).write_text(f"{value}\n")
        files = {f"{name}_FILE": str(tmp_path / name) for name in ("ENGINEL_SECRET_KEY", "DATABASE_URL", "REDIS_URL")}
        settings = load(ENGINEL_ALLOWED_HOSTS="a", **files)

        assert names(settings) == []
        assert settings.SECRET_KEY == SECRET
        assert settings.DATABASES["default"]["PASSWORD"] == SECRET


class TestDevelopment:
    def test_it_works_with_nothing_set(self, load: Load, tmp_path: Path) -> None:
        settings = load(ENGINEL_ENVIRONMENT="development")

        assert names(settings) == []
        assert settings.ENGINEL_EMBEDDED_VALKEY
        assert settings.REDIS_URL.startswith("unix://")
        assert settings.REDIS_URL.replace("unix://", "redis+socket://") == settings.CELERY_BROKER_URL
        assert settings.DATABASES["default"]["NAME"] == str(tmp_path / "state" / "db.sqlite3")
        assert "localhost" in settings.ALLOWED_HOSTS
        assert not settings.SESSION_COOKIE_SECURE

    def test_its_key_is_made_once_and_only_the_owner_can_read_it(self, load: Load, tmp_path: Path) -> None:
        first = load(ENGINEL_ENVIRONMENT="development").SECRET_KEY

        assert first == load(ENGINEL_ENVIRONMENT="development").SECRET_KEY
        assert len(first) >= 50
        assert (tmp_path / "state" / "secret_key").stat().st_mode & 0o077 == 0

    def test_a_server_that_is_named_is_used(self, load: Load) -> None:
        settings = load(ENGINEL_ENVIRONMENT="development", REDIS_URL="redis://h/1", CELERY_BROKER_URL="unix:///b.sock")

        assert not settings.ENGINEL_EMBEDDED_VALKEY
        assert (settings.REDIS_URL, settings.CELERY_BROKER_URL) == ("redis://h/1", "redis+socket:///b.sock")

    def test_a_state_directory_that_cannot_be_used_is_a_problem(self, load: Load, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.touch()

        settings = load(ENGINEL_ENVIRONMENT="development", ENGINEL_STATE_DIR=str(file))
        assert names(settings) == ["ENGINEL_STATE_DIR"]


GARBAGE = [
    ("ENGINEL_ENVIRONMENT", "prod"),
    ("ENGINEL_DEBUG", "maybe"),
    ("ENGINEL_SECRET_KEY", "too short"),
    ("ENGINEL_CSRF_TRUSTED_ORIGINS", "cad.example.com"),
    ("DATABASE_URL", f"mysql://u:{SECRET}@h/db"),
    ("DATABASE_URL", f"postgresql://u:{SECRET}@h:port/db"),
    ("REDIS_URL", f"http://u:{SECRET}@h"),
    ("REDIS_URL", f"redis://u:{SECRET}@h?db=many"),
    ("REDIS_URL", f"redis://u:{SECRET}@h?no_such_option=1"),
    ("REDIS_URL", f"redis+cluster://u:{SECRET}@"),
    ("REDIS_URL", f"redis+cluster://u:{SECRET}@a:1,b:port"),
    ("REDIS_URL", f"redis+cluster://u:{SECRET}@a:1/1"),
    ("REDIS_URL", f"redis+cluster://u:{SECRET}@a:1?no_such_option=1"),
    ("REDIS_URL", f"redis+sentinel://u:{SECRET}@a:1"),
    ("REDIS_URL", f"redis+gossip://u:{SECRET}@a:1"),
    ("CELERY_BROKER_URL", f"amqp://u:{SECRET}@h"),
    ("CELERY_BROKER_URL", f"redis+cluster://u:{SECRET}@h"),
    ("CELERY_BROKER_URL", f"redis+sentinel://u:{SECRET}@h/x"),
    ("ENGINEL_TASKS_EAGER", "x"),
    ("ENGINEL_DEBUG", "1"),
    ("SENTRY_DSN", "sentry.example.com"),
    ("SENTRY_DSN", "https://sentry.example.com/"),
    ("SENTRY_DSN", f"https://{SECRET}@sentry.example.com/"),
    ("ENGINEL_SENTRY_TRACES_SAMPLE_RATE", "2"),
    ("ENGINEL_OTLP_ENDPOINT", "collector:4318"),
    ("ENGINEL_OTLP_SAMPLE_RATE", "all"),
    ("ENGINEL_MAX_UPLOAD_BYTES", "100MB"),
    ("ENGINEL_KERNEL_TIMEOUT_SECONDS", "nan"),
    ("ENGINEL_KERNEL_MEMORY_BYTES", "1"),
    ("ENGINEL_TOKEN_TTL_HOURS", "0"),
    ("ENGINEL_STORAGE", "ftp"),
    ("ENGINEL_LOGIN_RATE", "often"),
    ("ENGINEL_LOGIN_RATE", "0/min"),
    ("ENGINEL_HTTPS", "tls"),
    ("ENGINEL_HSTS_SECONDS", "-1"),
    ("ENGINEL_BEHIND_PROXY", "nginx"),
    ("ENGINEL_LOG_LEVEL", "verbose"),
    ("ENGINEL_METRICS_TOKEN", "too short"),
    ("ENGINEL_METRICS_ALLOWED_IPS", "10.0.0.7, prometheus"),
]


@pytest.mark.parametrize(("name", "value"), GARBAGE)
def test_garbage_is_a_problem_with_its_name_and_a_hint(load: Load, name: str, value: str) -> None:
    (problem,) = load(**{**PRODUCTION, name: value}).ENGINEL_ENV_PROBLEMS

    assert problem.name == name
    assert name in problem.message
    assert problem.hint
    assert SECRET not in problem.message + problem.hint


TOPOLOGIES = [
    "redis+cluster://u:p@a:7000,b:7001",
    "rediss+cluster://a:7000,[::1]:7001/0?ssl_cert_reqs=none",
    "redis+sentinel://:p@a:26379,b:26379/enginel/1",
    "rediss+sentinel://a/enginel",
]


@pytest.mark.parametrize("url", TOPOLOGIES)
class TestTopologies:
    def test_clusters_and_sentinels_are_taken(self, load: Load, url: str) -> None:
        settings = load(**{**PRODUCTION, "REDIS_URL": url, "CELERY_BROKER_URL": "redis://broker/0"})

        assert names(settings) == []
        assert (url, "redis://broker/0") == (settings.REDIS_URL, settings.CELERY_BROKER_URL)

    def test_celery_must_be_given_a_server_of_its_own(self, load: Load, url: str) -> None:
        (problem,) = load(**{**PRODUCTION, "REDIS_URL": url}).ENGINEL_ENV_PROBLEMS

        assert problem.name == "CELERY_BROKER_URL"
        assert "not set" in problem.message
        assert "single server" in problem.hint


def test_an_unknown_name_is_told(load: Load) -> None:
    (problem,) = load(**PRODUCTION, ENGINEL_ALOWED_HOSTS="x").ENGINEL_ENV_UNKNOWN
    assert (problem.name, problem.hint) == ("ENGINEL_ALOWED_HOSTS", "Did you mean ENGINEL_ALLOWED_HOSTS?")


class TestProfilers:
    TOOLBAR = "debug_toolbar.middleware.DebugToolbarMiddleware"
    PROFILER = "pyinstrument.middleware.ProfilerMiddleware"

    def test_a_developer_who_debugs_has_them_and_errors_are_still_seen_first(self, load: Load) -> None:
        settings = load(ENGINEL_ENVIRONMENT="development", ENGINEL_DEBUG="1")

        assert "debug_toolbar" in settings.INSTALLED_APPS
        assert settings.MIDDLEWARE.index(self.TOOLBAR) > 1
        assert settings.MIDDLEWARE.index(self.PROFILER) > 1
        assert settings.INTERNAL_IPS == ["127.0.0.1", "::1"]

    @pytest.mark.parametrize(
        "environ",
        [{"ENGINEL_ENVIRONMENT": "development"}, {**PRODUCTION, "ENGINEL_DEBUG": "1"}],
        ids=["development", "production"],
    )
    def test_nobody_else_has(self, load: Load, environ: dict[str, str]) -> None:
        settings = load(**environ)

        assert "debug_toolbar" not in settings.INSTALLED_APPS
        assert {self.TOOLBAR, self.PROFILER}.isdisjoint(settings.MIDDLEWARE)


class TestMetrics:
    def test_production_is_closed_until_somebody_opens_it(self, load: Load) -> None:
        settings = load(**PRODUCTION)

        assert (settings.ENGINEL_METRICS_TOKEN, settings.ENGINEL_METRICS_ALLOWED_IPS) == ("", [])

    def test_development_is_open_to_the_machine_itself(self, load: Load) -> None:
        assert load(ENGINEL_ENVIRONMENT="development").ENGINEL_METRICS_ALLOWED_IPS == ["127.0.0.0/8", "::1/128"]

    def test_addresses_and_networks_are_taken(self, load: Load) -> None:
        settings = load(**PRODUCTION, ENGINEL_METRICS_ALLOWED_IPS="10.0.0.7, 10.1.2.3/16")

        assert settings.ENGINEL_METRICS_ALLOWED_IPS == ["10.0.0.7/32", "10.1.0.0/16"]
        assert names(settings) == []


class TestStorage:
    def test_local_files_are_the_owners(self, load: Load, tmp_path: Path) -> None:
        options = load(**PRODUCTION).STORAGES["default"]["OPTIONS"]

        assert options["location"] == str(tmp_path / "state" / "storage")
        assert (options["file_permissions_mode"], options["directory_permissions_mode"]) == (0o600, 0o700)

    def test_s3_takes_its_names_and_keys(self, load: Load) -> None:
        settings = load(
            **PRODUCTION, ENGINEL_STORAGE="s3", ENGINEL_S3_BUCKET="cad", ENGINEL_S3_ENDPOINT_URL="http://s3:9000",
            ENGINEL_S3_REGION="eu", ENGINEL_S3_ACCESS_KEY="a", ENGINEL_S3_SECRET_KEY=SECRET,
        )  # fmt: skip

        assert names(settings) == []
        options: dict[str, Any] = settings.STORAGES["default"]["OPTIONS"]
        assert options["bucket_name"] == "cad"
        assert (options["endpoint_url"], options["region_name"]) == ("http://s3:9000", "eu")
        assert (options["access_key"], options["secret_key"]) == ("a", SECRET)
        assert options["default_acl"] == "private"

    @pytest.mark.parametrize(
        ("environ", "problem"),
        [
            ({}, "ENGINEL_S3_BUCKET"),
            ({"ENGINEL_S3_BUCKET": "b", "ENGINEL_S3_ACCESS_KEY": "a"}, "ENGINEL_S3_SECRET_KEY"),
            ({"ENGINEL_S3_BUCKET": "b", "ENGINEL_S3_ENDPOINT_URL": "s3:9000"}, "ENGINEL_S3_ENDPOINT_URL"),
        ],
    )
    def test_s3_misses_what_it_needs(self, load: Load, environ: dict[str, str], problem: str) -> None:
        assert names(load(**PRODUCTION, ENGINEL_STORAGE="s3", **environ)) == [problem]

    def test_names_of_the_other_storage_are_not_called_misspelt(self, load: Load) -> None:
        assert load(**PRODUCTION, ENGINEL_S3_BUCKET="b").ENGINEL_ENV_UNKNOWN == ()


def test_a_proxy_is_believed_only_where_there_is_one(load: Load) -> None:
    assert not hasattr(load(**PRODUCTION), "SECURE_PROXY_SSL_HEADER")
    settings = load(**PRODUCTION, ENGINEL_BEHIND_PROXY="1")
    assert settings.SECURE_PROXY_SSL_HEADER == ("HTTP_X_FORWARDED_PROTO", "https")


def test_addresses_are_removed_where_that_is_asked_for(load: Load) -> None:
    settings = load(**PRODUCTION, ENGINEL_REDACT_IP="on")

    assert (settings.ENGINEL_REDACT_IP, settings.ENGINEL_REDACT_EMAIL) == (True, False)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [(None, None), ("", None), ("shop", ["shop"]), (" shop, acme.billing ,", ["shop", "acme.billing"])],
)
def test_own_packages_are_names_between_commas(stated: str | None, expected: list[str] | None, load: Load) -> None:
    environ = {} if stated is None else {"ENGINEL_IN_APP_PACKAGES": stated}
    settings = load(ENGINEL_ENVIRONMENT="development", **environ)

    assert expected == settings.ENGINEL_IN_APP_PACKAGES
    assert settings.ENGINEL_ENV_UNKNOWN == ()


def test_error_tracking_is_outermost(load: Load) -> None:
    assert load(**PRODUCTION).MIDDLEWARE[:2] == [
        "designs.middleware.ErrorTrackingMiddleware",
        "designs.middleware.RequestLoggingMiddleware",
    ]
