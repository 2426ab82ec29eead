# One image for every process of the example: the command decides what it is.
#   docker run IMAGE run_relay
#   docker run -e DJANGO_SETTINGS_MODULE=consumers.crm.settings IMAGE run_consumer crm
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY outbox outbox
COPY relay relay
COPY inbox inbox
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf,required=false \
    /opt/venv/bin/pip install -c constraints.txt '.[confluent,example]'

FROM ${PYTHON_IMAGE}
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DJANGO_SETTINGS_MODULE=shop.settings
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin app
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY manage.py ./
COPY shop shop
COPY consumers consumers
RUN SECRET_KEY=build python manage.py collectstatic --noinput --verbosity 0
USER app
ENTRYPOINT ["python", "/app/manage.py"]
CMD ["help"]
