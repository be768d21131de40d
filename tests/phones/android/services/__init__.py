"""Android's framework commands, one module per group; each answers as Android does."""
