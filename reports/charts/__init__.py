"""Server-side SVG charts: strings out, every text escaped, colours through CSS classes."""
