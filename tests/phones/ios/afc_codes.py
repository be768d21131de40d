"""Numbers of AFC: operations and status codes that clients use."""

from __future__ import annotations

from enum import IntEnum


class Op(IntEnum):
    """Operations that clients use."""

    STATUS = 0x01
    DATA = 0x02
    READ_DIR = 0x03
    TRUNCATE = 0x07
    REMOVE = 0x08
    MAKE_DIR = 0x09
    STAT = 0x0A
    DEVICE_INFO = 0x0B
    OPEN = 0x0D
    OPENED = 0x0E
    READ = 0x0F
    WRITE = 0x10
    SEEK = 0x11
    TELL = 0x12
    TOLD = 0x13
    CLOSE = 0x14
    SET_SIZE = 0x15
    RENAME = 0x18
    SET_BLOCK_SIZE = 0x19
    LOCK = 0x1B
    LINK = 0x1C
    SET_TIME = 0x1E
    REMOVE_ALL = 0x22


class Code(IntEnum):
    """Status codes."""

    SUCCESS = 0
    UNKNOWN = 1
    INVALID_ARGUMENT = 7
    NOT_FOUND = 8
    IS_DIRECTORY = 9
    NO_PERMISSION = 10
    NOT_SUPPORTED = 15
    EXISTS = 16
    NO_SPACE = 18
    NOT_EMPTY = 33
