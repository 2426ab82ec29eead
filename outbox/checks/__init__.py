"""System checks: ``manage.py check`` reports mistakes before they do harm."""
