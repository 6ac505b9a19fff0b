"""Authentication, permissions, memberships and control marks."""
