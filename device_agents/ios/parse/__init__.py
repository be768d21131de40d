"""Pure readers of what an iPhone says: plists, reports and error texts."""
