"""What both admins share: read-only pages, payloads without secrets, and text without control characters."""
