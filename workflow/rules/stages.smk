# One rule for every stage that says where its artifacts lie, and one for every table that joins the
# parts of its jobs. What a rule watches, takes, makes and claims is declared by the stage itself.

for stage in filter(lambda stage: stage.makes, stages()):

    rule:
        name:
            rule_of(stage)
        input:
            **inputs_of(stage),
        output:
            **outputs_of(stage),
        log:
            log_of(stage),
        wildcard_constraints:
            **{name: "|".join(values) for name, values in stage.names.items()},
        priority: stage.priority
        localrule: stage.local
        threads: threads_of(stage)
        resources:
            gpu=gpus_of(stage),
            mem_mb=memory_of(stage),
            runtime=minutes_of(stage),
        params:
            settings=settings_of(stage),
            code=code_of(stage),
            content=content_of(stage),
            command=f"cos {stage.name}",
            arguments=arguments_of(stage),
        shell:
            "{params.command} {params.arguments} > {log} 2>&1"

    for table, part in stage.joined.items():

        rule:
            name:
                f"join_{Path(table).stem}"
            input:
                tables=joined_parts(part),
                provenance=checked(stage_of("join"), RESULTS / table),
            output:
                RESULTS / table,
            log:
                str(LOGS / f"join_{Path(table).stem}.log"),
            localrule: True
            params:
                code=code_of(stage_of("join")),
                config=SETTINGS,
            shell:
                "cos join --config {params.config} --code {params.code} --out {output} {input.tables}"
                " 2> {log}"
