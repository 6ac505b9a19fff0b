"""Request parsing and error responses of the HTTP API; used by the views."""
