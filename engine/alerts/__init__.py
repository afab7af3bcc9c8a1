"""Tells a person: one file is one channel (channels/), and the outbox that feeds them. Knows no loop and no app."""
