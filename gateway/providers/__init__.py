"""What Apple and Google are told, and what their answers mean."""
