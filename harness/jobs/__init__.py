"""Work over whole runs: what is asked of stored measurements, one job a module."""
