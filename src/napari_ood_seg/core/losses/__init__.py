"""Risks for partly labelled, positive-only targets."""
