"""Sound or text to Speech: reading, alignment, recognition, prosody, and the offline voice."""
