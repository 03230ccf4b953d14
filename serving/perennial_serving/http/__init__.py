"""The transports: HTTP/1.1 for REST and metrics, HTTP/2 for gRPC, on asyncio."""
