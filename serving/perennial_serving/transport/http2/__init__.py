"""HTTP/2 (RFC 9113 and 7541), and gRPC's calls over it."""
