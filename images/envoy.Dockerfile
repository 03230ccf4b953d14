# Envoy on the local cluster, which can pull nothing: the binary of its makers, and Debian's libc.
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE}
COPY envoy /usr/local/bin/envoy
USER 65532:65532
ENTRYPOINT ["envoy"]
