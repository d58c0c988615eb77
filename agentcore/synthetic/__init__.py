"""A lab whose truth is known: real engine, journal, queue and git, over ideas whose effects a formula gives.

world.py says what is true, project.py what agents edit, agent.py who proposes, runs.py how a run ends, night.py how a
whole lab works through its ideas, truth.py what of its claims is true, lower.py what the published loop makes of the
same ideas. It is the test of the promotion rule, a load for the engine, and material for a demo.
"""
