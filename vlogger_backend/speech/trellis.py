"""The most likely way to say given words in a given sound (Viterbi), with pauses allowed between any two.

Words have alternative pronunciations; each is a chain of states, three a phone. From the end of a word one gets to the
next, or first to the pause between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .acoustics import SILENCE_PHONE, STATES, AcousticModel, Scores

_PAUSE_COST = 3.0
"""Nats that it costs to pause between two words."""

Chain = tuple[str, ...]
"""A pronunciation: ARPAbet phones."""


@dataclass(frozen=True)
class Run:
    """What a stretch of frames is: `word` with its pronunciation number `chain`, or a pause (word -1).

    `starts` has the first frame of each phone, and at last the frame after the end.
    """

    word: int
    chain: int
    starts: tuple[int, ...]


class Trellis:
    """The states of a sequence of words, and of the pauses before, between and after them."""

    def __init__(self, model: AcousticModel, words: Sequence[Sequence[Chain]]) -> None:
        self._words = words
        senones: list[NDArray[np.int64]] = []
        phones: list[int] = []
        firsts: list[int] = []
        self._chain_word: list[int] = []
        self._chain_number: list[int] = []
        for w, chains in enumerate(words):
            before = words[w - 1][0][-1] if w else SILENCE_PHONE
            after = words[w + 1][0][0] if w + 1 < len(words) else SILENCE_PHONE
            for number, chain in enumerate(chains):
                firsts.append(STATES * len(phones))
                self._chain_word.append(w)
                self._chain_number.append(number)
                around = (before, *chain, after)
                for i, phone in enumerate(chain):
                    senones.append(model.senones(phone, around[i], around[i + 2], _position(i, len(chain))))
                    phones.append(model.index(phone))
        self._pauses = STATES * len(phones)  # the state after the words': the first of the first pause
        silence = model.index(SILENCE_PHONE)
        for _ in range(len(words) + 1):
            senones.append(model.senones(SILENCE_PHONE))
            phones.append(silence)
        self.senones, self._column = np.unique(np.concatenate(senones), return_inverse=True)
        self._stay = model.stay[phones].reshape(-1)
        self._leave = model.leave[phones].reshape(-1)
        self._firsts = np.array(firsts)
        self._lasts = np.append(self._firsts[1:], self._pauses) - 1
        self._entry_word = np.array(self._chain_word)
        self._word_chains = np.searchsorted(self._entry_word, np.arange(len(words)))
        self._silence = np.flatnonzero(np.isin(self.senones, model.senones(SILENCE_PHONE)))

    def decode(self, scores: Scores, silence_bonus: Scores, complete: bool) -> list[Run] | None:
        """The best path, as runs that cover all frames; None if the sound is too short for the words.

        `scores` (T, senones) are log likelihoods of `self.senones`, `silence_bonus` (T,) is added to those of silence.
        A `complete` path says all words; another may end anywhere, in the middle of a word, which is then left out.
        """
        frames = len(scores)
        states = len(self._column)
        scores = scores.copy()
        scores[:, self._silence] += silence_bonus[:, None]
        words = len(self._words)
        pause_first = self._pauses + STATES * np.arange(words + 1)
        pause_last = pause_first + STATES - 1
        moves = np.zeros((frames, states), np.uint8)  # 0 stayed, 1 came from the state before, 2 entered
        word_ends = np.zeros((frames, len(self._firsts)), np.float32)
        pause_ends = np.zeros((frames, words + 1), np.float32)
        best = np.full(states, -np.inf, np.float32)
        entered = np.full(states, -np.inf, np.float32)
        came = np.empty(states, np.float32)
        ended = np.full(words + 1, -np.inf, np.float32)
        for t in range(frames):
            if t == 0:
                best[self._firsts[self._entry_word == 0]] = 0.0
                best[pause_first[0]] = 0.0
            else:
                np.add(best[:-1], self._leave[:-1], out=came[1:])
                came[0] = -np.inf
                came[self._firsts] = -np.inf
                came[pause_first] = -np.inf
                word_ends[t] = best[self._lasts] + self._leave[self._lasts]
                pause_ends[t] = best[pause_last] + self._leave[pause_last]
                ended[1:] = np.maximum.reduceat(word_ends[t], self._word_chains)
                entered[self._firsts] = np.maximum(ended, pause_ends[t])[self._entry_word]
                entered[pause_first] = ended - _PAUSE_COST
                best += self._stay
                move = moves[t]
                np.greater(came, best, out=move.view(bool))
                np.maximum(best, came, out=best)
                more = entered > best
                move[more] = 2
                np.maximum(best, entered, out=best)
            best += scores[t, self._column]
        if complete:
            ends = np.append(self._lasts[self._word_chains[-1] :], pause_last[-1])
            state = int(ends[np.argmax(best[ends])])
        else:
            state = int(np.argmax(best))
        if not np.isfinite(best[state]):
            return None
        return self._trace(state, moves, word_ends, pause_ends, complete)

    def _trace(
        self,
        state: int,
        moves: NDArray[np.uint8],
        word_ends: Scores,
        pause_ends: Scores,
        complete: bool,
    ) -> list[Run]:
        """Back from the final state: when each phone began, gathered into runs."""
        runs: list[Run] = []
        starts: list[int] = [len(moves)]
        for t in range(len(moves) - 1, -1, -1):
            move = moves[t, state] if t else 2
            if move == 0:
                continue
            if (state % STATES) == 0:
                starts.append(t)
            if move == 1:
                state -= 1
                continue
            chain = int(np.searchsorted(self._firsts, state, side="right")) - 1
            if state >= self._pauses:
                place = (state - self._pauses) // STATES
                runs.append(Run(-1, 0, tuple(reversed(starts))))
                previous = self._end_of(place - 1, t, word_ends) if t else -1
            else:
                place = self._chain_word[chain]
                runs.append(Run(place, self._chain_number[chain], tuple(reversed(starts))))
                previous = self._end_of(place - 1, t, word_ends) if t and place else -1
                if t and (previous < 0 or pause_ends[t, place] >= word_ends[t, self._chain_of(previous)]):
                    previous = self._pauses + STATES * place + STATES - 1
            state = previous
            starts = [t]
        runs.reverse()
        return runs

    def _chain_of(self, last: int) -> int:
        return int(np.searchsorted(self._lasts, last))

    def _end_of(self, word: int, t: int, word_ends: Scores) -> int:
        """The last state of the pronunciation of `word` that was best to leave at frame `t`."""
        first = self._word_chains[word]
        stop = self._word_chains[word + 1] if word + 1 < len(self._word_chains) else len(self._firsts)
        return int(self._lasts[first + int(np.argmax(word_ends[t, first:stop]))])


def _position(index: int, length: int) -> str:
    if length == 1:
        return "single"
    return "begin" if index == 0 else "end" if index == length - 1 else "inside"
