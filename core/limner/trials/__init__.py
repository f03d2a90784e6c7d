"""Policies on trial: cases, explanations, comparisons and calibration, over a project and its record, making nothing."""
