# The packages of requirements.lock, for sites that run jobs in containers (docs/install.md). The workflow stays outside:
# Snakemake mounts the checkout.
ARG BASE=docker.io/library/python:3.11-slim-bookworm
FROM ${BASE}

COPY requirements.lock /tmp/requirements.lock
RUN python3 -m venv /opt/aisi \
    && /opt/aisi/bin/pip install --disable-pip-version-check --no-cache-dir --quiet --progress-bar off \
        --require-hashes --requirement /tmp/requirements.lock \
    && rm /tmp/requirements.lock

ENV PATH=/opt/aisi/bin:${PATH}
