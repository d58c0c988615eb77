"""A lab under random kills and faults, and what must hold whatever dies: see __main__.py for how to run it.

The lab is real: the engine, its shims, sandboxes, trainings, agents and views are the product's own processes, started
as the product starts them. Only the model is a formula (`field`). What happens when is drawn from a seed (`schedule`);
what each happening does is in `faults`; what must hold is read from git, the journal, the files and the process table
(`evidence`) and judged by `invariants`.
"""
