"""What happened, and what it means: facts are logged, outcomes are computed from them."""
