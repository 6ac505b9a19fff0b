"""Requests and responses of the HTTP API, below the views."""
