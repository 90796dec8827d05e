"""This process and its children: control channels, supervision, descriptors, disk space."""
