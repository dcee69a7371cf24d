"""What only `course.py test --stack colab` runs: the versions of Colab, and chapters in kernels like Colab's."""
