"""One trial through its phases: the sole state machine of a measurement."""
