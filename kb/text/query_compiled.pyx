# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""What goes letter by letter over a query, compiled: `kb.index.grams` and `kb.plan` say what; both give the same."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdlib cimport qsort

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
    cdef Code letters = EDGE
    cdef Py_UCS4 letter
    cdef Py_ssize_t place, end = len(folded), count = 1, number = 0
    # one ends with each letter, and one behind each word
    cdef Code* found = _room(end + 1)
    for place in range(end + 1):
        letter = folded[place] if place < end else u" "
        if _is_letter(letter) or letter == u"'" and count > 1 and place + 1 < end and _is_letter(folded[place + 1]):
            letters, count = letters << 16 | <Code>letter & 0xFFFF, count + 1
            if count >= 4:
                found[number] = _fourgram(letters)
                number += 1
        else:
            if count >= 3:
                found[number] = _fourgram(letters << 16 | EDGE)
                number += 1
            letters, count = EDGE, 1
    return _distinct(found, number)


def weigh(codes, sought, dict found):
    # weights for the numbers of those n-grams that occur: `codes` is an array of all that do, in order,
    # `sought` lists of some with the weight of each
    cdef Py_buffer view
    cdef const Code* every
    cdef Py_ssize_t count, first, end, middle
    cdef Code code
    PyObject_GetBuffer(codes, &view, PyBUF_SIMPLE)
    try:
        every, count = <const Code*>view.buf, view.len // <Py_ssize_t>sizeof(Code)
        for some, weight in sought:
            for code in <list>some:
                first, end = 0, count
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
    cdef Py_ssize_t number = 0
    cdef Code* found = _room(len(text))
    for letter in text:
        if katakana and (0x30A1 <= letter <= 0x30F6 or letter == 0x30FD or letter == 0x30FE):
            letter = <Py_UCS4>(<int>letter - 0x60)
        if not _is_japanese(letter):
            before = 0
            continue
        if before:
            found[number] = kind << KIND_BIT | (before & 0xFFFF) << 16 | <Code>letter & 0xFFFF
            number += 1
        before = <Code>letter
    return _distinct(found, number)


cdef Code* _room(Py_ssize_t count) except NULL:
    cdef Code* room = <Code*>PyMem_Malloc((count + 1) * sizeof(Code))
    if room == NULL:
        raise MemoryError
    return room


cdef list _distinct(Code* codes, Py_ssize_t count):
    # each once, in order; gives the room back
    cdef Py_ssize_t place
    cdef list found = []
    try:
        qsort(codes, count, sizeof(Code), _compared)
        for place in range(count):
            if not place or codes[place] != codes[place - 1]:
                found.append(codes[place])
    finally:
        PyMem_Free(codes)
    return found


cdef int _compared(const void* one, const void* other) noexcept nogil:
    cdef Code a = (<const Code*>one)[0], b = (<const Code*>other)[0]
    return (a > b) - (a < b)


cdef inline bint _is_japanese(Py_UCS4 letter) noexcept:
    return (
        0x3041 <= letter <= 0x30FF and letter != 0x30FB
        or 0x3400 <= letter <= 0x9FFF
        or 0x3005 <= letter <= 0x3007
        or 0xAC00 <= letter <= 0xD7AF
        or 0xF900 <= letter <= 0xFAFF
        or letter >= 0x20000
    )


cdef inline bint _is_letter(Py_UCS4 letter) noexcept:
    # `kb.text.english.LETTER`
    return not (
        0x3005 <= letter <= 0x3007
        or 0x3040 <= letter <= 0x30FF
        or 0x31F0 <= letter <= 0x31FF
        or 0x3400 <= letter <= 0x9FFF
        or 0xAC00 <= letter <= 0xD7AF
        or 0xF900 <= letter <= 0xFFFF
        or 0x20000 <= letter <= 0x3FFFF
    ) and letter.isalnum()


cdef inline Code _fourgram(Code letters) noexcept:
    return <Code>FOURGRAM << KIND_BIT | (letters * SPREAD) >> (64 - KIND_BIT)
