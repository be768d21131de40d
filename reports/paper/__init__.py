"""Tables for publications: one model of a table, and its renderings."""
