"""What a rig has no bones for, and what that costs, in sentences for the user."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .skeleton import FINGERS, SIDES

_MIDDLE = (
    ("pelvis", "It has no bone for the pelvis: the body can't shift its weight."),
    ("neck", "It has no bone for the neck: the head turns on the trunk."),
    ("head", "It has no bone for the head: the head follows the trunk."),
)
_LIMBS = (  # part, its name, what is lost with one, and with both
    ("collar", "collar bone", "that shoulder can't rise", "the shoulders can't rise"),
    ("shoulder", "upper arm", "that arm keeps still", "the arms keep still"),
    (
        "elbow",
        "forearm",
        "that arm can't bend, and gestures look stiff",
        "the arms can't bend, and gestures look stiff",
    ),
    ("wrist", "hand", "that hand follows its forearm", "the hands follow the forearms"),
    ("hip", "thigh", "that leg follows the pelvis", "the legs follow the pelvis"),
    ("knee", "shin", "that leg can't bend, so its foot slides", "the legs can't bend, so the feet slide"),
    ("ankle", "foot", "that foot follows its shin and may tip", "the feet follow the shins and may tip"),
    ("foot", "toes", "that foot can't roll", "the feet can't roll"),
)


def losses(joints: Collection[str]) -> list[str]:
    """Sentences on what is missing of the joints that a rig has bones for."""
    sentences = [sentence for joint, sentence in _MIDDLE if joint not in joints]
    if not any(f"spine{i}" in joints for i in (1, 2, 3)):
        sentences.append("It has no bones for the spine: the trunk keeps stiff.")
    for part, what, one, both in _LIMBS:
        gone = [side for side in SIDES if f"{side}_{part}" not in joints]
        if len(gone) == 2:
            sentences.append(f"It has no bones for {'the' if what == 'toes' else 'either'} {what}: {both}.")
        elif gone:
            sentences.append(f"It has no bone for the {gone[0]} {what}: {one}.")
    for side in SIDES:
        gone = [finger for finger in FINGERS if f"{side}_{finger}1" not in joints]
        if f"{side}_wrist" in joints and gone:
            sentences.append(
                f"Its {side} hand has no bones for the fingers: it keeps its shape."
                if len(gone) == len(FINGERS)
                else f"Its {side} hand has no bones for {_listed(gone)}: these keep still."
            )
    if not any(f"{side}_eye_smplhf" in joints for side in SIDES):
        sentences.append("It has no eye bones: gaze shows only if shape keys move the eyes.")
    return sentences


def _listed(things: Sequence[str]) -> str:
    return things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}"
