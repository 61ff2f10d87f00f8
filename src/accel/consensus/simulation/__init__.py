"""The engine under a seeded scheduler, network and disk, and what must hold whatever they do.

`accel.consensus.simulation.world.run_seed` is one run, `accel.consensus.simulation.runner` many of them on all cores,
`accel.consensus.simulation.mutants` the engine with bugs planted in it. docs/consensus-simulation.md says what is
attacked and how.
"""
