"""Courses and everything in them: lessons, clips, assignments, enrollments and progress."""
