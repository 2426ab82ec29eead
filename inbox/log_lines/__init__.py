"""The inbox's log lines: one for each signal, with a stable ``action`` and fields for machines."""

from inbox.log_lines import handling, process, reading

__all__ = ["handling", "process", "reading"]
