"""The steps of inbox_doctor: all that a consumer needs, from the settings to a topic."""
