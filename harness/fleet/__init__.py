"""The devices at hand: leases, one worker per device."""
