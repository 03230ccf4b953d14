"""`make benchmark-operator`: what the operator costs, beside plain Deployments and Services.

A real API server with its controllers and scheduler; nodes and pods only say that they run (kwok),
so that thousands fit on a small machine.
"""
