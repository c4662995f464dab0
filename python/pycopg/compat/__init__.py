"""The interfaces of other libraries, over pools of copg: for programs that change an import and nothing else."""
