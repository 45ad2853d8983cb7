# The page on which one draws puzzles for the models, results/<study>/playground:
# `snakemake playground`. Not part of `all`: it needs node, and no number comes from it.

from chain_of_steps.playground.stage_playground import shown as shown_models

PLAYGROUND = stage_of("playground")
RUNTIME = Path("web/node_modules/onnxruntime-web/dist/ort.wasm.min.js")


# ONNX Runtime for browsers, as web/package-lock.json pins it.
rule playground_runtime:
    output:
        RUNTIME,
    log:
        LOGS / "playground_runtime.log",
    localrule: True
    params:
        lock=digest_file(Path("web/package-lock.json")),
    shell:
        "npm ci --prefix web --ignore-scripts --no-audit --no-fund > {log} 2>&1"


rule playground:
    input:
        runtime=ancient(RUNTIME),
        weights=[
            path
            for name in shown_models(STUDY)
            for path in ancient(sorted(map(str, model_files(STUDY.models[name].path).values())))
        ],
    output:
        directory(RESULTS / "playground"),
    log:
        LOGS / "playground.log",
    threads: threads_of(PLAYGROUND)
    resources:
        mem_mb=memory_of(PLAYGROUND),
        runtime=minutes_of(PLAYGROUND),
    params:
        settings=settings_of(PLAYGROUND),
        code=code_of(PLAYGROUND),
        config=SETTINGS,
    shell:
        "cos playground --config {params.config} --code {params.code} --runtime $(dirname {input.runtime})"
        " --out {output} > {log} 2>&1"
