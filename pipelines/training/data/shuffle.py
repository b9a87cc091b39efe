"""Random orders that are computed, not stored: any place of any epoch, in constant memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROUNDS = 8
"""Rounds of the Feistel network. Four make a permutation that cannot be told from a random one by few of its places
(Luby & Rackoff 1988). Of 5 things all 120 orders came equally often (12,000 draws) with 8 rounds on halves of 3 bits,
not with 6 to 24 on 2."""
SMALLEST_HALF = 3  # bits


class Permutation:
    """A pseudo-random permutation of `0 … size − 1`.

    A balanced Feistel network, which permutes the numbers of an even number of bits whatever its round function is,
    repeated where it leads out of the range (cycle walking: Black & Rogaway 2002, "Ciphers with Arbitrary Finite
    Domains", §3): at most 4 times a place on average from 17 things on, since its range is then less than 4 sizes.
    The round function is the finaliser of SplitMix64 (Steele et al. 2014, figure 17).
    """

    def __init__(self, size: int, key: tuple[int, ...]):
        """Derive the round keys. The same `size` and `key` give the same permutation, on any machine."""
        self.size = size
        self.half = np.uint64(max(SMALLEST_HALF, ((size - 1).bit_length() + 1) // 2))
        self.mask = (np.uint64(1) << self.half) - np.uint64(1)
        self.keys = np.random.SeedSequence(key).generate_state(ROUNDS, np.uint64)

    def __call__(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers at these places, of the same shape."""
        numbers = self._network(places.astype(np.uint64))
        while len(outside := np.flatnonzero(numbers >= self.size)):
            numbers.flat[outside] = self._network(numbers.flat[outside])
        return numbers.astype(np.int64)

    def _network(self, numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
        left, right = numbers >> self.half, numbers & self.mask
        for key in self.keys:
            left, right = right, left ^ (mix(right + key) & self.mask)
        return (left << self.half) | right


def in_epochs(places: NDArray[np.int64], size: int, seed: int) -> NDArray[np.int64]:
    """Return what of `0 … size − 1` stands at these places of an endless series of epochs, each in an order of its
    own."""
    epochs, positions = np.divmod(places, size)
    found = np.empty_like(places)
    for epoch in np.unique(epochs).tolist():
        here = epochs == epoch
        found[here] = Permutation(size, (seed, 0, epoch))(positions[here])
    return found


def mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix the bits: every bit of the result depends on every bit of the number, modulo 2⁶⁴."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
