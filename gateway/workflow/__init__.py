"""The notification rules: whether a push is sent, why not, and when."""
