"""What happens to a push: who may send it, to which app, what the verdict means. Speaks to ports only."""
