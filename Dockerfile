# One image for every process of the example: the command decides what it is.
#   docker run IMAGE run_relay
#   docker run -e DJANGO_SETTINGS_MODULE=consumers.crm.settings IMAGE run_consumer crm
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
# An index of one's own: --build-arg PIP_INDEX_URL=https://...
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY outbox_core outbox_core
COPY outbox outbox
COPY relay relay
COPY inbox inbox
RUN /opt/venv/bin/pip install -c constraints.txt '.[confluent,example]'

FROM ${PYTHON_IMAGE}
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DJANGO_SETTINGS_MODULE=shop.settings \
    CACHE_DIR=/tmp/cache
RUN useradd --uid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin app
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY manage.py ./
COPY shop shop
COPY consumers consumers
USER 10001
ENTRYPOINT ["python", "/app/manage.py"]
CMD ["help"]
