"""HTTP views: they read, shape and return; rules live in the modules they call."""
