"""The saddle-point equations, their fixed points, and curves of them."""
