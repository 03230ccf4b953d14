"""Pure decisions: what was observed goes in, a :class:`~perennial.plan.core.Plan` comes out."""
