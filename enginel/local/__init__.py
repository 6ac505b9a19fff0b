"""Running Enginel on one machine from nothing: embedded Valkey, web, worker, beat, sample run."""
