"""What both admins share: pages that only show, payloads without secrets, text that cannot deceive."""
