"""What outbox, relay and Kafka of this project do in a second: ``manage.py outbox_bench``."""
