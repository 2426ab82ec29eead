"""Workers of a consumer: processes that handle the events that another one reads. ``WORKERS`` says how many.
The events of a key are always in the hands of one worker.
"""
