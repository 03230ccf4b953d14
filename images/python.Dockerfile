# One recipe for the operator, the trainer and the server, on Debian's Python or python:3.11-slim.
# The last stage is what runs: the interpreter, pinned libraries, our packages; no shell, no pip.
ARG BASE_IMAGE=python:3.11-slim

# The same for all of them, so that it is built, kept and unpacked once.
FROM ${BASE_IMAGE} AS interpreter
COPY closure.py debian.py pip.txt /build/
RUN python3 /build/closure.py interpreter /interpreter \
 && python3 -m venv /build/pip \
 && /build/pip/bin/pip install -q --no-cache-dir --disable-pip-version-check --require-hashes \
      -r /build/pip.txt

FROM interpreter AS part
COPY requirements.txt /build/
RUN python3 -m venv --without-pip /opt/perennial \
 && /build/pip/bin/pip --python /opt/perennial/bin/python3 install -q --no-cache-dir --no-compile \
      --no-deps --require-hashes --only-binary :all: --report /build/report.json \
      -r /build/requirements.txt \
 && python3 /build/closure.py packages /packages /opt/perennial /interpreter \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/perennial
ARG PART
ARG VERSION
COPY sbom.py /build/
RUN mkdir /bill && python3 /build/sbom.py perennial-${PART} ${VERSION} --report /build/report.json \
      --site /opt/perennial/lib/python3*/site-packages --layers /interpreter /packages \
      > /bill/perennial-${PART}.cdx.json
COPY app /app
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app

FROM scratch
COPY --from=interpreter /interpreter /
COPY --from=part /opt/perennial /opt/perennial
COPY --from=part /packages /
COPY --from=part /bill /usr/share/sbom
COPY --from=part /app /app
ARG PART
ARG VERSION
LABEL org.opencontainers.image.title="Perennial ${PART}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      dev.perennial.sbom="/usr/share/sbom/perennial-${PART}.cdx.json"
ENV PATH=/app/bin:/opt/perennial/bin:/usr/local/bin:/usr/bin PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
# For pods that run as a user whom passwd does not name.
ENV USER=perennial HOME=/tmp
USER 65532:65532
WORKDIR /app
CMD ["python3"]
