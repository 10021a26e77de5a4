"""What processes tell each other, and how the engine hears it."""
