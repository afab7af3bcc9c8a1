"""Asks models: prompts with versions, the provider's interface, prices, budgets, and the service beside the loop."""
