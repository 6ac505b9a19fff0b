"""Export-controlled and classified designs: names and words that reports may contain, and the origin of exceptions."""
