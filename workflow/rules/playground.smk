# The page on which one draws puzzles for the models, results/<study>/playground:
# `snakemake playground`. Not part of `all`: it needs node, and no number comes from it.

from chain_of_steps.playground.stage_playground import shown as shown_models

PLAYGROUND = stage_of("playground")
BROWSER = Path("web/node_modules/onnxruntime-web/dist")


def shown_weights(wildcards) -> list[str]:
    """The files of the local models on the page; what is in them is watched by its content."""
    models = (STUDY.models[name] for name in shown_models(STUDY))
    files = {str(path) for model in models for path in model_files(model.path).values()}
    return ancient(sorted(files))


def shown_content(wildcards) -> str:
    view = PLAYGROUND.view(RESOLVED)
    return digest_json({name: weights_of(view, name, DIGESTS) for name in shown_models(STUDY)})


# ONNX Runtime for browsers, as web/package-lock.json pins it.
rule browser_runtime:
    input:
        "web/package-lock.json",
    output:
        BROWSER / "ort.wasm.min.js",
    log:
        LOGS / "browser_runtime.log",
    localrule: True
    shell:
        "npm ci --prefix web --ignore-scripts --no-audit --no-fund > {log} 2>&1"


rule playground:
    input:
        runtime=ancient(BROWSER / "ort.wasm.min.js"),
        weights=shown_weights,
        provenance=checked(PLAYGROUND, RESULTS / "playground"),
    output:
        directory(RESULTS / "playground"),
    log:
        LOGS / "playground.log",
    threads: threads_of(PLAYGROUND)
    resources:
        gpu=gpus_of(PLAYGROUND),
        mem_mb=memory_of(PLAYGROUND),
        runtime=minutes_of(PLAYGROUND),
    params:
        settings=settings_of(PLAYGROUND),
        code=code_of(PLAYGROUND),
        content=shown_content,
        config=SETTINGS,
        browser=BROWSER,
    shell:
        "cos playground --config {params.config} --code {params.code} --runtime {params.browser}"
        " --out {output} > {log} 2>&1"
