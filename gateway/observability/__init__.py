"""What the gateway tells of itself: metrics and log lines, never content, tokens or secrets."""
