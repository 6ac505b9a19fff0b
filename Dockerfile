# One image for web, worker and beat. Everything it installs is in a lock with hashes.
ARG PYTHON_IMAGE=python:3.13.14-slim-bookworm@sha256:67a1e1f215ccda113cfc024e8639049257e88f273898f595b61476d128d387e8

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 UV_LINK_MODE=copy
WORKDIR /build
COPY requirements/ requirements/
# uv is not needed later, so it lives in an environment of its own.
RUN python -m venv /build/uv \
    && /build/uv/bin/python -m pip install --no-cache-dir --require-hashes -r requirements/bootstrap.txt \
    && python -m venv --without-pip /opt/enginel \
    && /build/uv/bin/uv pip sync --no-cache --require-hashes --compile-bytecode --python /opt/enginel/bin/python \
       requirements/base.txt requirements/prod.txt requirements/cad.txt requirements/otel.txt

FROM ${PYTHON_IMAGE} AS runtime
# What the CAD kernel links, and the user that everything runs as.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libx11-6 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 enginel \
    && useradd --system --uid 10001 --gid enginel --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin enginel \
    && install --directory --owner enginel --group enginel --mode 0750 /var/lib/enginel
COPY --from=build /opt/enginel /opt/enginel
WORKDIR /srv/enginel
COPY manage.py ./
COPY integrations/ integrations/
COPY designs/ designs/
COPY enginel/ enginel/
# The code belongs to root: the service cannot change itself.
RUN /opt/enginel/bin/python -m compileall -q designs enginel integrations
ARG ENGINEL_RELEASE=""
ENV PATH=/opt/enginel/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=enginel.settings \
    ENGINEL_STATE_DIR=/var/lib/enginel \
    ENGINEL_RELEASE=${ENGINEL_RELEASE}
USER enginel
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://localhost:8000/api/health/', timeout=2)"]
CMD ["gunicorn", "enginel.wsgi", "--config", "python:enginel.gunicorn", "--bind", "0.0.0.0:8000"]
