"""One picture over another: what alpha means, to the nearest level."""

import numpy as np

from vlogger_backend.renderers.compositing import over, straight_over

LEVELS = np.arange(256)


def test_over_is_what_alpha_means() -> None:
    front = np.array([[[100, 0, 200, 0], [100, 0, 200, 128], [100, 0, 200, 255]]], np.uint8)
    shown = straight_over(front, np.full((1, 3, 3), 50, np.uint8))
    assert shown[0].tolist() == [[50, 50, 50], [75, 25, 125], [100, 0, 200]]


def test_both_alphas_give_the_nearest_level_for_every_colour() -> None:
    for alpha in (0, 1, 85, 127, 128, 254, 255):
        colour, behind = (plane.ravel() for plane in np.meshgrid(LEVELS, LEVELS))
        wall = np.repeat(behind[:, None], 3, axis=1).astype(np.uint8)
        exact = (colour * alpha + behind * (255 - alpha)) / 255
        front = np.column_stack([colour, colour, colour, np.full(len(colour), alpha)]).astype(np.uint8)
        np.testing.assert_array_equal(straight_over(front, wall), np.rint(exact)[:, None].repeat(3, axis=1))

        times_alpha = front.copy()
        times_alpha[:, :3] = np.rint(front[:, :3] * (alpha / 255))
        exact = times_alpha[:, 0] + behind * (255 - alpha) / 255
        np.testing.assert_array_equal(over(times_alpha, wall), np.rint(exact)[:, None].repeat(3, axis=1))
