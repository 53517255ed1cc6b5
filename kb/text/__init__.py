"""The one way words are cut: indexer and search call the very same functions."""
