"""Tests step by step what a process needs, and names what is wrong: outbox_doctor and
inbox_doctor share it.
"""
