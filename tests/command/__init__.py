"""Tests of course.py: set-up, copies, JupyterLab, doctor, update."""
