"""The record: what was asked, decided and made, so that it can be shown later, and erased without breaking what is left."""
