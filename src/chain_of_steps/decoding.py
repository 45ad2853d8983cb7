"""What it costs to decode the runs of a study so as to read them, by each decoder, as counted.

FLOP of the codecs are those of `models.known`.
"""

from __future__ import annotations

from collections.abc import Iterator

from chain_of_steps.cases.sources import Shape
from chain_of_steps.costs import Group, Makeup
from chain_of_steps.settings.models import WithModels, passes_of, seeds_of
from chain_of_steps.settings.reading import WithReading
from chain_of_steps.settings.sampler import WithSampler
from chain_of_steps.settings.seeds import WithSeeds

# channels and pixels of a latent position -> FLOP of a tiny decoder of the family TAEHV for one
# pixel of one frame; counted as those of Wan's codecs are
TINY = {(16, 8): 11.4e12 / (480 * 832 * 81), (48, 16): 6.65e12 / (704 * 1280 * 81)}
FRAMES_READ = 2  # of a look: the first and a key frame


class Read(WithModels, WithSampler, WithSeeds, WithReading):
    """The sections that say how often runs are decoded so as to be read."""


def flops_of(makeup: Makeup, shape: Shape) -> dict[str, float]:
    """Decoder -> FLOP of one look at a run; empty where the codec is none that is known.

    The projection makes the frames that are read alone; all of them where a dot moves, which is as
    little beside the others.
    """
    if makeup.like is None:
        return {}
    pixels = shape.width * shape.height
    found = {"full": makeup.like.decode * pixels * shape.frames}
    tiny = TINY.get((makeup.z_dim, makeup.scale_factor_spatial))
    if tiny is not None:
        found["tiny"] = tiny * pixels * shape.frames
    return found | {"projection": 2.0 * 9 * makeup.z_dim * 3 * pixels * FRAMES_READ}


def compared_by_codec(settings: Read, name: str, cases: int) -> int:
    """Videos of a model that the codec decodes so as to hold a cheap decoder against it."""
    reading, seeds = settings.reading, len(seeds_of(settings, name))
    steps = len(reading.checked(settings.sampler.steps))
    return cases * min(seeds, reading.seeds) * steps + _fitted(settings, cases * seeds)


def _fitted(settings: Read, runs: int) -> int:
    """Results that are decoded so as to fit a decoder to them."""
    return runs if settings.reading.decoder == "projection" else 0


def reading_lines(settings: Read, groups: list[Group]) -> Iterator[str]:
    """How often each model's runs are decoded, and the FLOP of that by each decoder."""
    reading, steps = settings.reading, settings.sampler.steps
    total = sum(group.cases for group in groups)
    for name, model in settings.models.items():
        makeup = Makeup.of(model)
        each = [(group.cases, flops_of(makeup, group.shape)) for group in groups]
        if not all(of for _, of in each):
            continue
        runs = total * len(seeds_of(settings, name))
        looks, passes = runs * (steps + 1), steps * passes_of(model)
        sampling = runs * passes * sum(g.cases / total * sum(makeup.flops(g.shape)) for g in groups)
        said = []
        for decoder in each[0][1]:
            flop = looks * sum(cases / total * of[decoder] for cases, of in each)
            share = 100 * flop / sampling
            said.append(f"{decoder} {flop / 1e15:,.4g} ({share:,.3g} % of the steps)")
        yield f"{name}, counted: {looks:,} looks are read; PFLOP by decoder: {', '.join(said)}"
        if reading.cheap:
            checks = compared_by_codec(settings, name, total)
            least, most = checks + _fitted(settings, runs) + runs, checks + looks
            beside = ", beside the candidates' videos" if reading.decoder == "latents" else ""
            yield (
                f"{name}, counted: by the codec {least:,} of them or up to {most:,}, as far as "
                f"reading.decoder: {reading.decoder} agrees with it{beside}"
            )
