"""What serves a revision: its record, its Deployment, the Service, the request log."""
