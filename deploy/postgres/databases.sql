-- One database a service: Kafka is all they share.
CREATE DATABASE shop;
CREATE DATABASE crm;
CREATE DATABASE analytics;
CREATE DATABASE notifications;
