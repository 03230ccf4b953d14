# The embedded S3 store: versitygw, one static binary.
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE}
COPY versitygw /usr/local/bin/versitygw
USER 65532:65532
ENTRYPOINT ["versitygw"]
