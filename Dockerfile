# One image for every role: worker, API, migrations. The command says which.
FROM python:3.12.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /app/venv
# Dependencies first: this layer changes only when the lock does.
COPY requirements.lock /src/
RUN /app/venv/bin/python -m pip install --no-deps --require-hashes --requirement /src/requirements.lock
COPY . /src
RUN /app/venv/bin/python -m pip install --no-deps --no-build-isolation /src

FROM python:3.12.12-slim-bookworm
LABEL org.opencontainers.image.title="mediascribe"
RUN useradd --system --uid 10001 --no-create-home --home-dir /app mediascribe \
    && install --directory --owner=mediascribe --group=mediascribe /app/data
COPY --from=build /app/venv /app/venv
ENV PATH=/app/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MEDIASCRIBE_HOME=/app/data
WORKDIR /app/data
USER mediascribe
VOLUME /app/data
# Healthy: the database answers and has the tables that this version expects. The API's service asks /readyz instead.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["mediascribe", "db", "check"]
ENTRYPOINT ["mediascribe"]
CMD ["worker"]
