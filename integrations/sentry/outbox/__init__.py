"""The outbox: envelopes that Sentry has not accepted yet, in Redis or in a file of this host."""
