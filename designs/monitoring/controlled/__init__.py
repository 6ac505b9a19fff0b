"""Export-controlled and classified designs: the names and words that may leave, and the origin of exceptions."""
