"""`python -m vlogger_backend.training.head` remakes the shipped head model."""

from __future__ import annotations

from ..avatars.library import load_avatar
from ..portraits.head import SHIPPED, head_from, save_head
from .correspondence import landmarks_on
from .shape_space import head_shapes


def main() -> None:
    """Some minutes: the shapes of random heads, then the landmarks on pictures of them."""
    avatar = load_avatar()
    arrays = head_shapes(avatar)
    arrays |= landmarks_on(head_from(avatar, arrays))
    save_head(arrays)
    print(f"Wrote {SHIPPED}")


if __name__ == "__main__":
    main()
