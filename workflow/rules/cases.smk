rule cases:
    output:
        CASES / "cases.csv",
    params:
        settings=settings("cases"),
        code=package_fingerprint("cases"),
        config=SETTINGS,
        folder=CASES,
    log:
        f"logs/{STUDY['study']}/cases.log",
    shell:
        "cos cases --config {params.config} --out {params.folder} 2> {log}"
