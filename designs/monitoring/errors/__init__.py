"""The record pipeline: from an exception to a record in the ring and the counts of its group."""
