"""What Android prints, read by pure functions; nothing here talks to a phone."""
