"""From a folder of Markdown to `Article`s: reading, rendering and checking; knows nothing of the index."""
