# Envoy Gateway's controller on the local cluster, which can pull nothing: one static binary.
FROM scratch
COPY envoy-gateway /usr/local/bin/envoy-gateway
ENV PATH=/usr/local/bin
USER 65532:65532
ENTRYPOINT ["envoy-gateway"]
