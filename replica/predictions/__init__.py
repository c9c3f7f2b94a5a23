"""What follows from a saddle point, one file per public verb."""
