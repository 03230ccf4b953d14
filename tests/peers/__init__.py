"""Other servers of the Open Inference Protocol, to measure ours against and to borrow clients of."""
