# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""What goes letter by letter over a query, compiled: `kb.index.grams` and `kb.plan` say what; both give the same."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer

from kb.text.english import WORD

ctypedef unsigned long long Code

cdef enum:
    BIGRAM = 0
    READING = 1
    FOURGRAM = 2
    KIND_BIT = 32
    EDGE = 1

cdef Code SPREAD = 0x9E3779B97F4A7C15


def scripts(str text):
    cdef Py_UCS4 letter
    cdef Py_ssize_t hiragana = 0, kanji = 0
    for letter in text:
        hiragana += 0x3041 <= letter <= 0x3096
        kanji += 0x3400 <= letter <= 0x9FFF
    return hiragana, kanji


def query_bigrams(str folded):
    return _pairs(folded, BIGRAM, True)


def query_readings(str reading):
    return _pairs(reading, READING, False)


def query_fourgrams(str folded):
    cdef Code letters
    cdef Py_UCS4 letter
    cdef Py_ssize_t count
    cdef str word
    cdef set found = set()
    for word in WORD.findall(folded):
        letters, count = EDGE, 1
        for letter in word:
            letters, count = letters << 16 | <Code>letter & 0xFFFF, count + 1
            if count >= 4:
                found.add(_fourgram(letters))
        if count >= 3:
            found.add(_fourgram(letters << 16 | EDGE))
    return sorted(found)


def weigh(codes, list sought, weight, dict found):
    # a weight for the numbers of those n-grams that occur: `codes` is an array of all that do, in order
    cdef Py_buffer view
    cdef const Code* every
    cdef Py_ssize_t count, first, end, middle
    cdef Code code
    PyObject_GetBuffer(codes, &view, PyBUF_SIMPLE)
    try:
        every, count = <const Code*>view.buf, view.len // <Py_ssize_t>sizeof(Code)
        for each in sought:
            code, first, end = each, 0, count
            while first < end:
                middle = (first + end) >> 1
                if every[middle] < code:
                    first = middle + 1
                else:
                    end = middle
            if first < count and every[first] == code:
                found[first] = weight
    finally:
        PyBuffer_Release(&view)


cdef list _pairs(str text, Code kind, bint katakana):
    cdef Py_UCS4 letter
    # 0: nothing that pairs with the next
    cdef Code before = 0
    cdef set found = set()
    for letter in text:
        if katakana and (0x30A1 <= letter <= 0x30F6 or letter == 0x30FD or letter == 0x30FE):
            letter = <Py_UCS4>(<int>letter - 0x60)
        if not _is_japanese(letter):
            before = 0
            continue
        if before:
            found.add(kind << KIND_BIT | (before & 0xFFFF) << 16 | <Code>letter & 0xFFFF)
        before = <Code>letter
    return sorted(found)


cdef inline bint _is_japanese(Py_UCS4 letter) noexcept:
    return (
        0x3041 <= letter <= 0x30FF and letter != 0x30FB
        or 0x3400 <= letter <= 0x9FFF
        or 0x3005 <= letter <= 0x3007
        or 0xAC00 <= letter <= 0xD7AF
        or 0xF900 <= letter <= 0xFAFF
        or letter >= 0x20000
    )


cdef inline Code _fourgram(Code letters) noexcept:
    return <Code>FOURGRAM << KIND_BIT | (letters * SPREAD) >> (64 - KIND_BIT)
