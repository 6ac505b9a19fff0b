"""Finding secrets in text: their names, shapes and places. Imports nothing else of the monitoring."""
