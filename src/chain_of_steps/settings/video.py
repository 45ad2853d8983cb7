"""The section `video`: length and size of the videos."""

from __future__ import annotations

from pydantic import Field, model_validator

from chain_of_steps.settings.base import Section, View, refusal


class Video(Section):
    """Length and size of the videos."""

    frames: int | None = Field(
        17,
        ge=1,
        description=(
            "Pixel frames of a video, stride k + 1; null takes those of a case's ground truth, "
            "rounded up."
        ),
    )
    stride: int = Field(
        4, ge=1, description="Pixel frames of a latent frame, 4 for Wan, 8 for LTX."
    )
    area: int | None = Field(
        None,
        ge=256,
        description=(
            "Pixels of a frame at most; a larger first frame is scaled down with its aspect kept. "
            "Null takes every first frame at its own size."
        ),
    )
    multiple: int = Field(
        16,
        ge=1,
        description=(
            "Width and height are brought to multiples of this, 16 for Wan A14B, 32 for TI2V-5B "
            "and LTX."
        ),
    )
    fps: int = Field(16, ge=1, description="Frames per second of the videos that are written.")

    @property
    def latent_frames(self) -> int | None:
        """Latent frames of a video; None where each case has its own number of frames."""
        return None if self.frames is None else (self.frames - 1) // self.stride + 1

    @model_validator(mode="after")
    def _whole_latent_frames(self) -> Video:
        if self.frames is not None and (self.frames - 1) % self.stride:
            good = self.frames // self.stride * self.stride + 1
            form = f"{self.stride} k + 1"
            raise refusal(f"video.frames is {self.frames}: write {form}, such as {good}.")
        return self


class WithVideo(View):
    video: Video = Field(default_factory=Video)
