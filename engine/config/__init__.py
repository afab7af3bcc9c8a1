"""What a run is told: the settings, how they are read and refused, compared, printed and edited. Knows no running engine."""
