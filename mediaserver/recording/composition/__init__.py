"""From a timeline to the files that people play."""
