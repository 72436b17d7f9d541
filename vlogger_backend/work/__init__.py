"""Work in processes of its own, so that a crash, a full memory or a hung driver takes the task and nothing else."""
