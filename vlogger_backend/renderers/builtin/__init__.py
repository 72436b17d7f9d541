"""The built-in renderer: the photo itself, warped in 3D; what it never showed is painted by a small diffusion model."""
