"""Homework: a chapter is released to a class, collected, marked in a sandbox and reported."""
