"""What goes wrong, in the user's words."""


class AddonError(Exception):
    """Something that the user can mend; the message is one sentence that names the thing and the remedy."""
