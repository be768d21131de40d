"""Host-side code for the devices of one platform each; see registry.py."""
