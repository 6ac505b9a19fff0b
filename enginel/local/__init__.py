"""Running Enginel on one machine without prerequisites: embedded Valkey, web, worker, beat, sample run."""
