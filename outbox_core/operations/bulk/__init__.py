"""Operations: work over many rows, in chunks, with a rate, progress, pause, cancel, and resumption by
another process.
"""
