"""The wire contract with a Rocket.Chat server: request to notification, outcome to answer. Pure functions."""
