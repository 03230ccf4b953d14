"""Bytes on connections: HTTP/1.1 and gRPC's HTTP/2, each by its RFCs, bounded."""
