"""The steps of outbox_doctor: all that a relay needs, from the settings to a topic."""
