"""What says of a picture that it was generated: an invisible mark in its pixels, credentials in its file."""
