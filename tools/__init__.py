"""What authors and instructors run through course.py; never imported by a notebook."""
