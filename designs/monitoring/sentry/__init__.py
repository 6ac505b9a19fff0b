"""Decisions about Sentry: admission of SDK events, scrubbing, and forwarding of occurrences."""
