# The embedded S3 store: versitygw, one static binary.
FROM scratch
ARG VERSION
LABEL org.opencontainers.image.title="versitygw, Perennial's embedded store" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      dev.perennial.sbom="/usr/share/sbom/versitygw.cdx.json"
COPY versitygw /usr/local/bin/versitygw
COPY versitygw.cdx.json /usr/share/sbom/
ENV PATH=/usr/local/bin
USER 65532:65532
ENTRYPOINT ["versitygw"]
