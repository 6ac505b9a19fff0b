"""The decisions about Sentry: events of the SDK, the scrubber, and the occurrences that are sent."""
