"""Style, panels and legends."""
