"""Pictures as inline SVG: drawn in the page's own colours, so they follow light, dark and print."""
