"""Template tags and filters of the HTML pages."""
