"""The scans of a JPEG: whether a file holds all of them (ITU-T T.81, annexes B and G)."""

import re

_COEFFICIENTS = 64
_NEVER_SENT = -1
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Markers SOF0 to SOF15; the three others define tables."""
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_SCAN, _END = 0xDA, 0xD9
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd8\x01])")
"""A marker with a segment, or EOI. Within data, 0xFF is followed by 0 or by a restart marker."""


def has_all_scans(content: bytes) -> bool:
    """Whether the scans of a JPEG send each coefficient of each component to its last bit.

    A file may stop between two scans. No byte of a scan is missing then, but colours or details are: progressive files
    send them in later scans, and so do sequential ones whose components are not interleaved.

    Parameters
    ----------
    content : bytes
        A whole file, or the beginning of one. The last scan may be cut: its data are not read.

    Returns
    -------
    bool
        False also for content without a frame.
    """
    lowest_bit: dict[int, list[int]] = {}
    """The bit of each coefficient that was sent last, by component."""
    progressive, position = False, 2
    while found := _MARKER.search(content, position):
        [marker], start = found[1], found.end()
        if marker == _END:
            break
        position = start + int.from_bytes(content[start : start + 2])
        segment = content[start + 2 : position]
        if marker in _FRAMES and len(segment) >= 6:
            progressive = marker in _PROGRESSIVE
            lowest_bit = {component: [_NEVER_SENT] * _COEFFICIENTS for component in segment[6::3]}
        elif marker == _SCAN and position <= len(content) and segment:
            # A sequential scan sends all, whatever some programs write here.
            first, last, bits = segment[-3:] if progressive else (0, _COEFFICIENTS - 1, 0)
            for component in segment[1 : 1 + 2 * segment[0] : 2]:
                if component in lowest_bit:
                    lowest_bit[component][first : last + 1] = [bits & 15] * (last + 1 - first)
    return bool(lowest_bit) and not any(any(bits) for bits in lowest_bit.values())
