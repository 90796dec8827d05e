"""The two kinds of memory that packets live in; offsets into them are plain integers.

A function that takes `Writable` patches in place and never changes the buffer's size.
"""

Readable = bytes | bytearray | memoryview
Writable = bytearray | memoryview
