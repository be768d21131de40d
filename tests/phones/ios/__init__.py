"""Simulated iPhones at the level of usbmuxd (docs/simulated-phones.md)."""
