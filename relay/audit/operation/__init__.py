"""Audits that are operations: begun by a person, carried out by a relay or the command, part by part."""
