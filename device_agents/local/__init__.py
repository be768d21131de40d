"""The lab machine itself as a device."""
