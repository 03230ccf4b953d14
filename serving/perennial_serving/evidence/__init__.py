"""What is told of requests: metrics, drift windows, traces, logs."""
