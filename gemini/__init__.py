"""The only door to Gemini: ask one question, get one `Call` back, whatever happens. Imports only the failures."""
