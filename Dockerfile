# syntax=docker/dockerfile:1.7
# The worker's image: Devatar's own code and what requirements.lock names; no development server, no studio, no tests.
FROM python:3.13.14-slim AS packages
COPY requirements.lock .
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary=:all: \
        --require-hashes -r requirements.lock

FROM python:3.13.14-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DEVATAR_DATA_DIR=/var/lib/devatar
RUN useradd --system --uid 10001 --no-create-home devatar \
    && install --directory --owner=devatar --group=devatar /var/lib/devatar
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY worker.py starter.py alembic.ini ./
COPY models models
COPY domain domain
COPY providers providers
COPY media media
COPY store store
COPY activities activities
COPY workflows workflows
COPY runtime runtime
COPY cli cli
COPY api api
COPY migrations migrations
USER devatar
VOLUME /var/lib/devatar
# A worker listens nowhere, and the container ends with it: what can go wrong unseen is the way to Temporal.
# os._exit, because the SDK's threads may hang a short-lived client at exit.
HEALTHCHECK --interval=30s --timeout=15s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import asyncio, os; from runtime.temporal import connect; asyncio.run(connect()); os._exit(0)"]
# SIGTERM drains: running activities have DEVATAR_GRACEFUL_SHUTDOWN_SECONDS to hand over.
STOPSIGNAL SIGTERM
CMD ["python", "worker.py"]
