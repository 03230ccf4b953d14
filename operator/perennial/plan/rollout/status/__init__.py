"""What is said of a rollout: conditions, what kubectl prints; and what is known without it."""
