# The page on which one draws puzzles for the models, results/<study>/playground:
# `snakemake playground`. Not part of `all`: it needs node, and no number comes from it.

from chain_of_steps.playground.stage_playground import shown as shown_models

PLAYGROUND = stage_of("playground")
SHOWN = shown_models(STUDY)
BROWSER = Path("web/node_modules/onnxruntime-web/dist")


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
        weights=weights_among(SHOWN),
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
        content=lambda wildcards: content_among(PLAYGROUND, SHOWN),
        config=SETTINGS,
        browser=BROWSER,
    shell:
        "cos playground --config {params.config} --code {params.code} --runtime {params.browser}"
        " --out {output} > {log} 2>&1"
