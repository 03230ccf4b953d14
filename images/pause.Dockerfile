# What holds a pod's namespaces on the local cluster: catatonit, one static binary that waits.
FROM scratch
COPY catatonit /
ENTRYPOINT ["/catatonit", "-P"]
