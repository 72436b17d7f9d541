"""Makes the data that the package ships: the model of heads, and the weights of the built-in renderer's painter."""
