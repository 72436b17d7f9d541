"""What goes wrong, in the user's words.

Anything that a user can mend is an `InputError`: one sentence that names the thing and the remedy. The command
line prints it and exits with 2. Every other exception is our own fault and exits with 1.
"""


class InputError(Exception):
    """Something that the user gave (a file, a text, an option) can't be used; the message says what to do."""
