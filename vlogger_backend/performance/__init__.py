"""Speech in, Motion out: the procedural performer. Rules with published sources, a seed, and a few named dials."""
