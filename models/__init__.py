"""The vocabulary of mediascribe and what it stores. Imports none of our other folders."""
