"""Simulated Android phones, driven by a real adb server (docs/simulated-phones.md)."""
