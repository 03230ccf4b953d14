"""Other servers of the protocol, to measure ours against and to borrow clients of."""
