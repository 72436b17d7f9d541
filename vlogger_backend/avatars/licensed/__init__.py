"""Bodies whose files the user has from their makers: SMPL-X, SMPL-H and FLAME. Nothing of them ships with vlogger."""
