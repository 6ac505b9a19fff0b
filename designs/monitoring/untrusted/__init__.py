"""Reading objects that may raise, lie or never end: their attributes, text and previews."""
