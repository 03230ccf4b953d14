# One recipe for the operator, the trainer and the server: pinned libraries, then our packages.
ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
ARG PART
ENV PYTHONUNBUFFERED=1 PATH=/opt/perennial/bin:/usr/local/bin:/usr/bin:/bin PYTHONPATH=/app
COPY requirements/${PART}.txt /tmp/requirements.txt
# What only installs or tests libraries does not ship.
RUN python3 -m venv /opt/perennial \
 && pip install --no-cache-dir --disable-pip-version-check -r /tmp/requirements.txt \
 && find /opt/perennial -type d -name tests -prune -exec rm -rf {} + \
 && pip uninstall --yes --quiet setuptools pip \
 && rm /tmp/requirements.txt
COPY app /app
COPY bin /usr/local/bin
RUN python3 -m compileall -q /app
# No entry in passwd names this user; what asks for a name reads it from here.
ENV USER=perennial HOME=/tmp
USER 65532:65532
WORKDIR /app
CMD ["true"]
