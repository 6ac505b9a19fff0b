"""Health answers."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from health_check.base import HealthCheck
from health_check.exceptions import HealthCheckException, ServiceWarning

from designs.cad import kernel_status
from designs.conf import conf
from designs.handlers import method_not_allowed
from integrations.health import CADKernel, Database, Redis
from integrations.redis import redis_for

__all__ = ["detailed", "liveness"]

logger = logging.getLogger("enginel.health")

_METHODS = ("GET", "HEAD")
HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"


@csrf_exempt
def liveness(request: HttpRequest) -> HttpResponse:
    """Tell that this process serves. Touches nothing: no database, no Redis, no session."""
    if request.method not in _METHODS:
        return method_not_allowed(request, _METHODS)
    return JsonResponse({"status": "ok", "service": conf.service})


@csrf_exempt
def detailed(request: HttpRequest) -> HttpResponse:
    """Tell how each component is: 200, or 503 when one is unhealthy. A warning makes it degraded, with 200."""
    if request.method not in _METHODS:
        return method_not_allowed(request, _METHODS)
    checks = {name: _result(check) for name, check in _checks().items()}
    states = {check["status"] for check in checks.values()}
    status = next((state for state in (UNHEALTHY, DEGRADED) if state in states), HEALTHY)
    body = {"status": status, "timestamp": timezone.now().isoformat(), "checks": checks}
    return JsonResponse(body, status=503 if status == UNHEALTHY else 200)


def _checks() -> dict[str, HealthCheck]:
    return {
        "database": Database(),
        "redis": Redis(redis_for(settings.REDIS_URL)),
        "kernel": CADKernel(lambda: kernel_status().installed),
    }


def _result(check: HealthCheck) -> dict[str, Any]:
    try:
        check.run()
    except ServiceWarning as warning:
        return {"status": DEGRADED, "message": str(warning.message)}
    except HealthCheckException as error:
        return {"status": UNHEALTHY, "message": str(error.message)}
    except Exception:
        logger.exception("A health check failed by itself")
        return {"status": UNHEALTHY, "message": "unknown error"}
    return {"status": HEALTHY, "message": "answers"}
