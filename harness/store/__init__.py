"""Run folders (the truth), the ledger, and an index that can always be rebuilt."""
