"""Tiny random models of the real architectures, built in memory in well under a second."""

from types import SimpleNamespace

import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    AutoencoderKLHunyuanVideo15,
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    AutoencoderKLLTXVideo,
    AutoencoderKLWan,
    ClassifierFreeGuidance,
    CogVideoXDDIMScheduler,
    CogVideoXImageToVideoPipeline,
    CogVideoXTransformer3DModel,
    FlowMatchEulerDiscreteScheduler,
    HunyuanVideo15ImageToVideoPipeline,
    HunyuanVideo15Transformer3DModel,
    LTX2ImageToVideoPipeline,
    LTX2VideoTransformer3DModel,
    LTXImageToVideoPipeline,
    LTXVideoTransformer3DModel,
    SkyReelsV2ImageToVideoPipeline,
    SkyReelsV2Transformer3DModel,
    WanImageToVideoPipeline,
    WanTransformer3DModel,
)
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from PIL import Image

TEXT_DIM = 16
PROMPT_LENGTH = 8


def transformer(
    seed: int,
    *,
    z_dim: int = 16,
    image_dim: int | None = None,
    layers: int = 3,
    kind: type = WanTransformer3DModel,
    **config,
) -> WanTransformer3DModel:
    """A Wan transformer whose every part matters: random gates, output not near zero.

    `config` replaces fields of its configuration; kind: its class.
    """
    torch.manual_seed(seed)
    fields = {
        "num_attention_heads": 2,
        "attention_head_dim": 24,
        "in_channels": 2 * z_dim + 4,
        "out_channels": z_dim,
        "text_dim": TEXT_DIM,
        "freq_dim": 32,
        "ffn_dim": 64,
        "num_layers": layers,
        "image_dim": image_dim,
        "added_kv_proj_dim": None if image_dim is None else 48,
    }
    net = kind(**(fields | config))
    for block in net.blocks:
        block.scale_shift_table.data[:, [2, 5]] += 1.0
    return net.eval()


def vae(seed: int = 0) -> AutoencoderKLWan:
    torch.manual_seed(seed)
    return AutoencoderKLWan(base_dim=8, dim_mult=[1, 2, 2, 2], num_res_blocks=1).eval()


class LinearCodec(ModelMixin, ConfigMixin):
    """A codec unlike Wan's: 6 channels, 4 times in space; it averages colours, so it is lossy.

    The first frame is repeated to a chunk of 4, then each 4 frames make a latent frame.
    """

    config_name = "config.json"

    @register_to_config
    def __init__(
        self,
        z_dim: int = 6,
        scale_factor_temporal: int = 4,
        scale_factor_spatial: int = 4,
        latents_mean: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5),
        latents_std: tuple[float, ...] = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5),
    ):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def encode(self, video: torch.Tensor) -> SimpleNamespace:
        chunks = torch.cat([video[:, :, :1].repeat(1, 1, 4, 1, 1), video[:, :, 1:]], dim=2)
        pooled = torch.nn.functional.avg_pool3d(chunks, 4) * self.scale
        latents = torch.cat([pooled, -pooled], dim=1)
        return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: latents))

    def decode(self, latents: torch.Tensor, return_dict: bool = False) -> tuple[torch.Tensor]:
        colours = latents[:, :3] / self.scale
        for axis in (2, 3, 4):
            colours = colours.repeat_interleave(4, dim=axis)
        return (colours[:, :, 3:],)


def pipeline(
    *,
    experts: int = 1,
    codec: torch.nn.Module | None = None,
    shift: float = 3.0,
    boundary: float = 0.8,
    **parts,
) -> WanImageToVideoPipeline:
    """A WanImageToVideoPipeline; `parts` adds or replaces components."""
    codec = vae() if codec is None else codec
    z_dim = codec.config.z_dim
    given = {
        "tokenizer": None,
        "text_encoder": None,
        "vae": codec,
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=shift),
        "transformer": transformer(1, z_dim=z_dim),
        "transformer_2": transformer(2, z_dim=z_dim) if experts == 2 else None,
        "boundary_ratio": boundary if experts == 2 else None,
    }
    pipe = WanImageToVideoPipeline(**(given | parts))
    pipe.set_progress_bar_config(disable=True)
    return pipe


def text_parts() -> dict:
    """A word-level tokenizer and a random UMT5 encoder, as the keyword parts of `pipeline`."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

    words = ["<pad>", "</s>", "<unk>", "go", "to", "the", "red", "blue", "dot"]
    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    torch.manual_seed(3)
    config = UMT5Config(vocab_size=16, d_model=TEXT_DIM, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    return {"tokenizer": tokenizer, "text_encoder": UMT5EncoderModel(config).eval()}


def clip_parts(last: bool = False) -> dict:
    """A random CLIP image encoder, as the keyword parts of a Wan 2.1 `pipeline`.

    last: of a model that goes from a first to a last frame.
    """
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel

    torch.manual_seed(4)
    config = CLIPVisionConfig(
        hidden_size=12,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=16,
        patch_size=8,
    )
    return {
        "image_encoder": CLIPVisionModel(config).eval(),
        "image_processor": CLIPImageProcessor(
            size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
        ),
        "transformer": first_to_last() if last else transformer(1, image_dim=12),
    }


def first_to_last() -> WanTransformer3DModel:
    """As of Wan 2.1 FLF2V: it reads the CLIP tokens of two pictures, 5 each, at their places."""
    net = transformer(1, image_dim=12, pos_embed_seq_len=10)
    net.condition_embedder.image_embedder.pos_embed.data.normal_()
    return net


def skyreels_pipeline() -> SkyReelsV2ImageToVideoPipeline:
    """In the manner of SkyReels-V2 I2V, with Euler instead of UniPC."""
    from transformers import CLIPVisionModelWithProjection

    parts = clip_parts()
    parts["image_encoder"] = CLIPVisionModelWithProjection(parts["image_encoder"].config).eval()
    parts["transformer"] = transformer(1, image_dim=12, kind=SkyReelsV2Transformer3DModel)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    pipe = SkyReelsV2ImageToVideoPipeline(vae=vae(), scheduler=scheduler, **text_parts(), **parts)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def cogvideox_pipeline(
    later: bool = False, frames: int = 9, side: int = 4
) -> CogVideoXImageToVideoPipeline:
    """A CogVideoXImageToVideoPipeline whose every part matters; of 1.0, or of 1.5 (`later`).

    frames: of the only videos that 1.0 makes. side: latents a side of the largest frame.
    """
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(8)
    codec = AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=2,
        sample_height=32,
        sample_width=32,
        scaling_factor=0.7,
        invert_scale_latents=later,
    )
    net = CogVideoXTransformer3DModel(
        num_attention_heads=3,
        attention_head_dim=16,
        in_channels=8,
        out_channels=4,
        time_embed_dim=8,
        ofs_embed_dim=8 if later else None,
        text_embed_dim=TEXT_DIM,
        num_layers=3,
        sample_width=side,
        sample_height=side,
        sample_frames=frames,
        patch_size=2,
        patch_size_t=2 if later else None,
        max_text_seq_length=PROMPT_LENGTH,
        use_rotary_positional_embeddings=True,
        use_learned_positional_embeddings=not later,
        patch_bias=not later,
    )
    text = T5Config(vocab_size=16, d_model=TEXT_DIM, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    pipe = CogVideoXImageToVideoPipeline(
        tokenizer=text_parts()["tokenizer"],
        text_encoder=T5EncoderModel(text).eval(),
        vae=codec.eval(),
        transformer=net.eval(),
        scheduler=CogVideoXDDIMScheduler(  # the settings of the published models
            prediction_type="v_prediction",
            timestep_spacing="trailing",
            rescale_betas_zero_snr=True,
            clip_sample=False,
            snr_shift_scale=1.0,
        ),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def given_frame_pipeline(**parts) -> WanImageToVideoPipeline:
    """In the manner of Wan 2.2 TI2V-5B: a time for each token, no channels for the picture."""
    torch.manual_seed(5)
    codec = AutoencoderKLWan(
        base_dim=8,
        z_dim=12,
        dim_mult=[1, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[True, True],
        is_residual=True,
        patch_size=2,
        in_channels=12,
        out_channels=12,
        scale_factor_spatial=8,
        latents_mean=torch.randn(12).tolist(),
        latents_std=torch.rand(12).add(0.5).tolist(),
    )
    net = transformer(1, z_dim=12, in_channels=12)
    return pipeline(codec=codec.eval(), transformer=net, expand_timesteps=True, **parts)


def ltx_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """With the settings of the published LTX models."""
    return FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True,
        base_shift=0.95,
        max_shift=2.05,
        base_image_seq_len=1024,
        max_image_seq_len=4096,
        shift_terminal=0.1,
    )


def ltx_pipeline(layers: int = 3) -> LTXImageToVideoPipeline:
    """An LTXImageToVideoPipeline whose every part matters."""
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(6)
    codec = AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, False, False),
        decoder_spatio_temporal_scaling=(True, True, False, False),
    )
    codec.latents_mean.copy_(torch.randn(8))
    codec.latents_std.copy_(torch.rand(8) + 0.5)
    net = LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=24,
        cross_attention_dim=48,
        num_layers=layers,
        caption_channels=TEXT_DIM,
    )
    for block in net.transformer_blocks:
        block.scale_shift_table.data[[2, 5]] += 1.0
    text = T5Config(vocab_size=16, d_model=TEXT_DIM, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    pipe = LTXImageToVideoPipeline(
        scheduler=ltx_scheduler(),
        vae=codec.eval(),
        text_encoder=T5EncoderModel(text).eval(),
        tokenizer=text_parts()["tokenizer"],
        transformer=net.eval(),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def ltx2_pipeline(layers: int = 3, first: bool = False) -> LTX2ImageToVideoPipeline:
    """An LTX2ImageToVideoPipeline whose every part matters; of LTX-2.3, or of the first LTX-2."""
    from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors
    from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration

    torch.manual_seed(7)
    codec = AutoencoderKLLTX2Video(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 16),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1),
        spatio_temporal_scaling=(True, True, False, False),
        decoder_spatio_temporal_scaling=(True, True),
        decoder_inject_noise=(False, False, False),
        downsample_type=("spatiotemporal",) * 4,
        upsample_type=("spatiotemporal",) * 2,
        upsample_residual=(True, True),
        upsample_factor=(2, 2),
    )
    codec.latents_mean.copy_(torch.randn(8))
    codec.latents_std.copy_(torch.rand(8) + 0.5)
    net = LTX2VideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=24,
        cross_attention_dim=48,
        audio_in_channels=8,
        audio_out_channels=8,
        audio_num_attention_heads=2,
        audio_attention_head_dim=12,
        audio_cross_attention_dim=24,
        num_layers=layers,
        caption_channels=TEXT_DIM,
        cross_attn_mod=not first,
        audio_cross_attn_mod=not first,
        gated_attn=not first,
        audio_gated_attn=not first,
        use_prompt_embeddings=first,
    )
    for block in net.transformer_blocks:
        block.scale_shift_table.data[[2, 5]] += 1.0
    text = {
        "vocab_size": 16,
        "hidden_size": TEXT_DIM,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
    }
    sight = {
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "image_size": 28,
        "patch_size": 14,
    }
    gemma = Gemma3Config(text_config=text, vision_config=sight, mm_tokens_per_image=4)
    connectors = LTX2TextConnectors(
        caption_channels=TEXT_DIM,
        text_proj_in_factor=2,
        video_connector_num_attention_heads=2,
        video_connector_attention_head_dim=8 if first else 24,
        video_connector_num_layers=1,
        video_connector_num_learnable_registers=PROMPT_LENGTH,
        audio_connector_num_attention_heads=2,
        audio_connector_attention_head_dim=8 if first else 12,
        audio_connector_num_layers=1,
        audio_connector_num_learnable_registers=PROMPT_LENGTH,
        per_modality_projections=not first,
        video_hidden_dim=48,
        audio_hidden_dim=24,
    )
    pipe = LTX2ImageToVideoPipeline(
        scheduler=ltx_scheduler(),
        vae=codec.eval(),
        audio_vae=AutoencoderKLLTX2Audio(
            base_channels=8, ch_mult=(1, 1, 1), num_res_blocks=1, latent_channels=2, mel_bins=16
        ).eval(),
        text_encoder=Gemma3ForConditionalGeneration(gemma).eval(),
        tokenizer=text_parts()["tokenizer"],
        connectors=connectors.eval(),
        transformer=net.eval(),
        vocoder=LTX2Vocoder(
            hidden_channels=8,
            upsample_kernel_sizes=[4],
            upsample_factors=[2],
            resnet_kernel_sizes=[3],
            resnet_dilations=[[1]],
        ),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def hunyuan_pipeline(guidance: float = 6.0) -> HunyuanVideo15ImageToVideoPipeline:
    """A HunyuanVideo15ImageToVideoPipeline whose every part matters; 32 x 32 is a size of its own.

    Its template is shorter than the published one.
    """
    from transformers import (
        ByT5Tokenizer,
        Qwen2_5_VLTextConfig,
        Qwen2_5_VLTextModel,
        SiglipImageProcessor,
        SiglipVisionConfig,
        SiglipVisionModel,
        T5Config,
        T5EncoderModel,
    )

    torch.manual_seed(9)
    net = HunyuanVideo15Transformer3DModel(
        in_channels=9,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=3,
        num_refiner_layers=1,
        mlp_ratio=2.0,
        text_embed_dim=TEXT_DIM,
        text_embed_2_dim=12,
        image_embed_dim=8,
        rope_axes_dim=(4, 6, 6),
        target_size=32,
    )
    text = Qwen2_5_VLTextConfig(
        vocab_size=16,
        hidden_size=TEXT_DIM,
        intermediate_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=2,
        rope_parameters={"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4},
    )
    glyphs = T5Config(vocab_size=384, d_model=12, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    sight = SiglipVisionConfig(
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        image_size=16,
        patch_size=8,
    )
    tokenizer = text_parts()["tokenizer"]
    tokenizer.chat_template = (
        "{% for message in messages %}{{ message['role'] }} {{ message['content'] }} {% endfor %}"
    )
    pipe = HunyuanVideo15ImageToVideoPipeline(
        text_encoder=Qwen2_5_VLTextModel(text).eval(),
        tokenizer=tokenizer,
        transformer=net.eval(),
        vae=AutoencoderKLHunyuanVideo15(
            latent_channels=4,
            block_out_channels=(8, 8, 8, 8),
            layers_per_block=1,
            spatial_compression_ratio=8,
        ).eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=5.0),
        text_encoder_2=T5EncoderModel(glyphs).eval(),
        tokenizer_2=ByT5Tokenizer(),
        guider=ClassifierFreeGuidance(guidance_scale=guidance),
        image_encoder=SiglipVisionModel(sight).eval(),
        feature_extractor=SiglipImageProcessor(size={"height": 16, "width": 16}),
    )
    pipe.system_message, pipe.prompt_template_encode_start_idx = "go", 3
    pipe.tokenizer_max_length, pipe.tokenizer_2_max_length = PROMPT_LENGTH, 16
    pipe.set_progress_bar_config(disable=True)
    return pipe


def picture(seed: int = 0, size: int = 32) -> Image.Image:
    """Random blocks of colour, size x size pixels."""
    pixels = torch.rand(4, 4, 3, generator=torch.Generator().manual_seed(seed))
    blocks = (pixels * 255).to(torch.uint8).numpy()
    return Image.fromarray(blocks).resize((size, size), Image.Resampling.NEAREST)


def prompt_embeds(seed: int, rows: int = 1) -> torch.Tensor:
    """(rows, PROMPT_LENGTH, TEXT_DIM), zero in the last quarter as padded prompts are."""
    generator = torch.Generator().manual_seed(seed)
    embeds = torch.randn(rows, PROMPT_LENGTH, TEXT_DIM, generator=generator)
    embeds[:, 3 * PROMPT_LENGTH // 4 :] = 0
    return embeds
