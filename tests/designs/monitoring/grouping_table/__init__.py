"""Programs that fail, their mutations, and what a person says of each: the same bug or another one."""
