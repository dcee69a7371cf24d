"""A stand-in for pip: installs nothing, writes the packages that it was asked for to the file COURSE_PIP_RECORD."""
