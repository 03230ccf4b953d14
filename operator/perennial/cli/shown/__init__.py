"""From objects to what people see: pure, no clock, no terminal, no cluster."""
