"""The built-in renderer: the photo itself, warped in 3D, and what it never showed painted by a small diffusion model."""
