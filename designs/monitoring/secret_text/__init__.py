"""Detection of secrets in text by name, shape and context. Imports nothing else of the monitoring."""
