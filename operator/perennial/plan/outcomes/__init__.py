"""What became known of predictions: how labels, errors and rewards are read, by whoever judges."""
