"""The quantizers: one small module for each tool, and what puts them together for each format."""
