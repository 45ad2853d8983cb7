"""The pocket reasoner: the same classes as Wan2.2 image-to-video, small enough for two CPU cores.

A `WanImageToVideoPipeline` of a `WanTransformer3DModel`, a `UMT5EncoderModel` text encoder with a
word-level tokenizer, and the linear codec. Its directory loads with
`WanImageToVideoPipeline.from_pretrained` once `chain_of_steps` has been imported.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    WanImageToVideoPipeline,
    WanTransformer3DModel,
)
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

from chain_of_steps.models.codec import LinearVideoCodec

MAX_PROMPT_TOKENS = 24


def build_tokenizer(prompts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A lower-case word-level tokenizer that knows the words of `prompts`."""
    lower, split = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    words = sorted(
        {
            word
            for prompt in prompts
            for word, _ in split.pre_tokenize_str(lower.normalize_str(prompt))
        }
    )
    vocabulary = {word: i for i, word in enumerate(["<pad>", "</s>", "<unk>", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = lower
    tokenizer.pre_tokenizer = split
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=MAX_PROMPT_TOKENS,
    )


def build_pipeline(
    codec: LinearVideoCodec,
    tokenizer: PreTrainedTokenizerFast,
    *,
    layers: int,
    heads: int,
    head_dim: int,
    ffn_dim: int,
    text_dim: int,
    seed: int,
) -> WanImageToVideoPipeline:
    """An untrained pocket model with random weights drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        text_encoder = UMT5EncoderModel(
            UMT5Config(
                vocab_size=len(tokenizer),
                d_model=text_dim,
                d_kv=16,
                num_heads=text_dim // 16,
                num_layers=2,
                d_ff=2 * text_dim,
                dropout_rate=0.0,
            )
        )
        z_dim = codec.config.z_dim
        transformer = WanTransformer3DModel(
            patch_size=(1, 1, 1),
            num_attention_heads=heads,
            attention_head_dim=head_dim,
            in_channels=2 * z_dim + codec.config.scale_factor_temporal,
            out_channels=z_dim,
            text_dim=text_dim,
            freq_dim=128,
            ffn_dim=ffn_dim,
            num_layers=layers,
            cross_attn_norm=True,
            qk_norm="rms_norm_across_heads",
            rope_max_seq_len=32,
        )
        open_residual_gates(transformer)
    return WanImageToVideoPipeline(
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        vae=codec,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=5.0),
        transformer=transformer,
    )


def open_residual_gates(transformer: WanTransformer3DModel) -> None:
    """Start with open residual branches and a small output.

    Wan's own initial gates are near zero: right for months on many GPUs, but in minutes on a CPU
    nothing would be learned. Entries 2 and 5 of each block's modulation table are its gates.
    """
    with torch.no_grad():
        for block in transformer.blocks:
            block.scale_shift_table[:, [2, 5]] += 1.0
        transformer.proj_out.weight *= 0.1
