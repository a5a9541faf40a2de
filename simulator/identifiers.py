"""Names and numbers of the simulated world: NITs, agents, foreign parties, declaration ids, random streams."""

import base64
import hashlib
import json

import numpy as np

# The weights of the NIT's check digit, from the last digit of the number leftwards.
_NIT_WEIGHTS = (3, 7, 13, 17, 19, 23, 29, 37, 41)

_FIRST = (
    *("ALTAMAR", "ATLAS", "BAHIA", "BRISA", "CANAL", "CONDOR", "CORAL", "DELTA", "ESTRELLA", "FARO"),
    *("GLOBAL", "HORIZON", "ISLAND", "JADE", "LAGUNA", "LOTUS", "MERIDIAN", "MONTANA", "NORTE", "OCEAN"),
    *("ORION", "PACIFIC", "PIONEER", "PRIMA", "QUARTZ", "RIVER", "SIERRA", "SUMMIT", "TERRA", "VALLEY"),
)
_SECOND = (
    *("AGRO", "BRANDS", "COMMODITIES", "DISTRIBUTION", "FOODS", "GOODS", "HOLDING", "IMPORTS"),
    *("INDUSTRIES", "LOGISTICS", "MARKETS", "PARTNERS", "PRODUCTS", "SUPPLY", "TRADING", "VENTURES"),
)


def nit(number: int) -> str:
    """A company's nine-digit tax number with its check digit, as DIAN computes it."""
    total = sum(int(digit) * weight for digit, weight in zip(reversed(f"{number:09d}"), _NIT_WEIGHTS, strict=True))
    rest = total % 11
    return f"{number:09d}-{11 - rest if rest > 1 else rest}"


def party(country: str, number: int) -> str:
    """An invented foreign company; different numbers below 480 give different names."""
    # 151 shares no factor with 480, so that neighbours in number do not sound alike.
    place = number * 151 % (len(_FIRST) * len(_SECOND))
    return f"{_FIRST[place % len(_FIRST)]} {_SECOND[place // len(_FIRST)]} {country}"


def agent(office: str, number: int) -> str:
    """An invented customs agency that works at one customs office."""
    return f"AGENCIA DE ADUANAS {office}{number:02d}"


def stream_tag(dataset: str, *parts: object) -> str:
    """Eight letters and digits that stand for one run: everything that its events depend on."""
    digest = hashlib.blake2b(json.dumps([dataset, *parts], default=str).encode(), digest_size=5).digest()
    return base64.b32encode(digest).decode("ascii")


def randomness(*parts: object) -> np.random.Generator:
    """A random stream of its own for these parts, the same on every platform and in every process."""
    digest = hashlib.blake2b(json.dumps(parts, default=str).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
