"""Stored records to tables, figures and pages. Never talks to a device."""
