"""System checks: what would go wrong later is reported by ``manage.py check``."""
