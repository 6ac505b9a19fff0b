"""The Enginel application: designs, their processing, and the monitoring around it."""
