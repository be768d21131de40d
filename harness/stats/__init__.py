"""Pure numbers: summaries, intervals, steadiness. No I/O and no knowledge of devices."""
