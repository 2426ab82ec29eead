# One image for every process of the example: the command decides what it is.
#   docker run IMAGE run_relay
#   docker run -e DJANGO_SETTINGS_MODULE=consumers.crm.settings IMAGE run_consumer crm
ARG PYTHON_IMAGE=python:3.13.9-slim-trixie

FROM ${PYTHON_IMAGE} AS build
# An index of one's own: --build-arg PIP_INDEX_URL=https://...
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN command -v tini-static || (apt-get update && apt-get install --yes --no-install-recommends tini)
RUN python -m venv --without-pip /opt/venv
WORKDIR /app
# The dependencies have a layer of their own, which a change of the source does not touch.
COPY pyproject.toml constraints.txt deploy/containers/requirements.py /src/
RUN python /src/requirements.py /src/pyproject.toml confluent example metrics > /src/requirements.txt \
    && python -m pip --python /opt/venv/bin/python install -r /src/requirements.txt -c /src/constraints.txt \
    && find /opt/venv -name '*.po' -delete
# What .dockerignore lets through.
COPY . .
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash .

FROM ${PYTHON_IMAGE}
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DJANGO_SETTINGS_MODULE=shop.settings \
    CACHE_DIR=/tmp/cache
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin app \
    && rm -rf /usr/local/lib/python3*/site-packages/pip* /usr/lib/python3*/*-packages/pip* /usr/local/bin/pip* /usr/bin/pip*
COPY --from=build /usr/bin/tini-static /usr/bin/tini
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
USER 10001
# As process 1, Python would ignore SIGTERM until it has set its handlers. Ended by it before that, it has stopped cleanly.
ENTRYPOINT ["tini", "-e", "143", "--", "python", "/app/manage.py"]
CMD ["help"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="django-outbox-relay" \
    org.opencontainers.image.description="A transactional outbox for Django: the relay, the inbox and their example" \
    org.opencontainers.image.source="https://github.com/maintainers/django-outbox-relay" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
# Last, because only this changes with the source.
COPY --from=build /app ./
