"""Builds the documentation site: reference pages from the code, navigation from the files, and a
link check.
"""
