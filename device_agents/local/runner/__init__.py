"""The runner for the local machine: a fresh process that loads one model and times it."""
