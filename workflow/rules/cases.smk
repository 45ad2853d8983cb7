rule cases:
    output:
        CASES / "cases.csv",
    log:
        f"logs/{STUDY['study']}/cases.log",
    localrule: True
    params:
        settings=settings("cases"),
        code=package_fingerprint("cases"),
        config=SETTINGS,
        folder=CASES,
    shell:
        "cos cases --config {params.config} --out {params.folder} 2> {log}"
