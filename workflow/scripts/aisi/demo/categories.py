"""The demo's categories: how their objects look."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aisi.demo import shapes


@dataclass(frozen=True)
class Category:
    """How the objects of a category usually look; `HABIT` says how often an object follows this.

    Attributes
    ----------
    shape : callable
        A function of `shapes`.
    colours, accents : str
        Usual colours of the body and of the second material: names in `COLOURS`.
    textures : str
        Usual textures: names in `TEXTURES`.
    grounds : str
        Surfaces on which it occurs somewhat more often: names in `SURFACES`.
    turn : float
        Standard deviation of its rotation, degrees.
    frequency : float
        How often it occurs together with another category, relative to the others.
    """

    shape: Callable[[np.random.Generator], list[shapes.Part]]
    colours: str
    accents: str
    textures: str
    grounds: str = ""
    turn: float = 15.0
    frequency: float = 1.0


TARGET = {
    "bottle": Category(shapes.bottle, "green brown blue", "cream white red", "plain grain", "planks tiles", 14),
    "butterfly": Category(
        shapes.butterfly, "orange blue yellow", "black brown white", "spots veins", "leaves grass", 30
    ),
    "cactus": Category(shapes.cactus, "green teal green", "orange brown cream", "stripes speckle", "sand pebbles", 8),
    "duck": Category(shapes.duck, "white brown yellow", "brown green grey", "plain scales", "waves grass", 10, 1.6),
    "fish": Category(shapes.fish, "orange blue grey", "orange yellow red", "scales stripes", "waves pebbles", 16, 1.2),
    "kite": Category(shapes.kite, "red yellow blue", "blue purple orange", "stripes checks", "clouds grass", 25, 0.8),
    "mushroom": Category(shapes.mushroom, "red brown cream", "cream brown white", "spots patches", "leaves grass", 9),
    "snail": Category(shapes.snail, "brown cream pink", "grey brown cream", "rings stripes", "leaves bricks", 12, 0.9),
    "teapot": Category(shapes.teapot, "white blue pink", "blue red yellow", "patches spots", "plaid planks", 8),
    "umbrella": Category(
        shapes.umbrella, "red black blue", "white yellow purple", "plain stripes", "tiles clouds", 16, 1.2
    ),
}
"""Categories of the keywords. Some pairs look alike on purpose: mushroom and umbrella, duck and teapot, kite and
butterfly, fish and snail."""

AUXILIARY = {
    "apple": Category(shapes.apple, "red green yellow", "green", "plain speckle"),
    "beetle": Category(shapes.beetle, "black red teal", "black brown", "spots plain", turn=60),
    "boat": Category(shapes.boat, "brown blue white", "white red", "grain plain", turn=8),
    "candle": Category(shapes.candle, "cream red white", "grey brown", "plain grain", turn=8),
    "carrot": Category(shapes.carrot, "orange", "green", "stripes speckle", turn=50),
    "cup": Category(shapes.cup, "white blue red", "white blue", "stripes checks"),
    "flower": Category(shapes.flower, "pink purple yellow", "green", "veins plain"),
    "guitar": Category(shapes.guitar, "brown orange black", "brown black", "grain plain", turn=40),
    "hat": Category(shapes.hat, "brown grey black", "red blue black", "plain checks"),
    "house": Category(shapes.house, "cream white red", "brown red grey", "stripes speckle", turn=5),
    "leaf": Category(shapes.leaf, "green orange brown", "green", "veins patches", turn=60),
    "rocket": Category(shapes.rocket, "white grey red", "red blue", "plain checks", turn=30),
    "tree": Category(shapes.tree, "green green orange", "brown grey", "patches speckle", turn=6),
    "turtle": Category(shapes.turtle, "green brown teal", "green brown", "scales patches"),
}
"""Categories on which the salient instance detector and the feature extractor are trained."""

DISTRACTORS = {
    "ball": Category(shapes.ball, "red white orange", "white black", "patches plain", turn=60),
    "barrel": Category(shapes.barrel, "brown grey blue", "grey", "grain stripes"),
    "bone": Category(shapes.bone, "cream white", "white", "plain speckle", turn=60),
    "cone": Category(shapes.cone, "orange red yellow", "white", "plain"),
    "crate": Category(shapes.crate, "brown cream", "brown", "grain stripes"),
    "gear": Category(shapes.gear, "grey brown", "grey black", "speckle plain", turn=60),
    "rock": Category(shapes.rock, "grey brown", "grey", "patches speckle", turn=60),
    "tyre": Category(shapes.tyre, "black grey", "grey", "checks plain"),
}
"""Objects that have no keyword."""
