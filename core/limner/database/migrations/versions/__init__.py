"""One module for each revision, oldest first by name. A revision that was released is never edited."""
