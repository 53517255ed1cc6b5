# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The functions of `kernel_numpy`, compiled: what each does is said there, and both give the same bits.

Whatever is long runs without the interpreter's lock; nothing is kept between calls, so any thread may call.
Numbers are trusted, as everything in a snapshot that matches its checksums.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.string cimport memcmp, memmove

import numpy as np

cdef int WIDE = 0x2E80
cdef int MAX_STARTS = 200


def add(
    float[::1] rows, const long long[::1] ptr, const int[::1] row, const float[::1] impact,
    const long long[::1] numbers, const float[::1] weights, const int[::1] owner, unsigned char[::1] matching,
):
    cdef Py_ssize_t which, i, end
    cdef float weight
    with nogil:
        for which in range(numbers.shape[0]):
            weight = weights[which]
            end = ptr[numbers[which] + 1]
            if matching is None:
                for i in range(ptr[numbers[which]], end):
                    rows[row[i]] += weight * impact[i]
            else:
                for i in range(ptr[numbers[which]], end):
                    rows[row[i]] += weight * impact[i]
                    matching[owner[row[i]]] = 1


def raise_to(
    float[::1] best, const int[::1] row, const float[::1] impact, float weight, const int[::1] owner,
    unsigned char[::1] matching,
):
    cdef Py_ssize_t i
    cdef float value
    with nogil:
        for i in range(row.shape[0]):
            value = weight * impact[i]
            if value > best[row[i]]:
                best[row[i]] = value
            matching[owner[row[i]]] = 1


def by_article(
    const float[::1] rows, const int[::1] owner, Py_ssize_t sections, float weight, float[::1] scores
):
    cdef Py_ssize_t r = sections, article
    cdef Py_ssize_t count = rows.shape[0]
    cdef float best
    with nogil:
        _best_sections(rows, owner, sections, scores)
        # the lines of one article stand together
        while r < count:
            article = owner[r]
            best = 0
            while r < count and owner[r] == article:
                if rows[r] > best:
                    best = rows[r]
                r += 1
            scores[article] += weight * best


cdef void _best_sections(
    const float[::1] rows, const int[::1] owner, Py_ssize_t sections, float[::1] scores
) noexcept nogil:
    # an article's sections stand together; its best waits in a register, as most comparisons cannot be foreseen
    cdef Py_ssize_t r
    cdef int article = owner[0] if sections else 0
    cdef float best = 0
    for r in range(sections):
        if owner[r] != article:
            scores[article] = best
            article, best = owner[r], 0
        best = rows[r] if rows[r] > best else best
    if sections:
        scores[article] = best


def top(const float[::1] scores, const unsigned char[::1] eligible, Py_ssize_t count):
    chosen = np.empty(min(count, scores.shape[0]), np.int64)
    cdef long long[::1] best = chosen
    cdef Py_ssize_t room = best.shape[0], used = 0, a, place, low, middle
    cdef float worst = -1
    if not room:
        return chosen
    with nogil:
        for a in range(scores.shape[0]):
            # an equal score is no reason to move a smaller number; scores are never negative
            if scores[a] <= worst or not eligible[a]:
                continue
            low, place = 0, used
            while low < place:
                middle = (low + place) // 2
                if scores[best[middle]] >= scores[a]:
                    low = middle + 1
                else:
                    place = middle
            if used < room:
                used += 1
            memmove(&best[place] + 1, &best[place], (used - place - 1) * sizeof(long long))
            best[place] = a
            if used == room:
                worst = scores[best[used - 1]]
    return chosen[:used]


def tally(
    const long long[::1] ptr, const int[::1] values, const unsigned char[::1] matching, Py_ssize_t kinds
):
    counts = np.zeros(kinds, np.int64)
    cdef long long[::1] count = counts
    cdef Py_ssize_t a, i
    with nogil:
        for a in range(matching.shape[0]):
            # added rather than asked, as whether an article matches cannot be foreseen
            for i in range(ptr[a], ptr[a + 1]):
                count[values[i]] += matching[a]
    return counts


def bisect(const long long[::1] ptr, const unsigned char[:] data, bytes item):
    cdef Py_ssize_t low = 0, high = ptr.shape[0] - 1, middle, size, wanted = len(item)
    cdef const unsigned char* letters = item
    cdef int order
    while low < high:
        middle = (low + high) // 2
        size = ptr[middle + 1] - ptr[middle]
        order = memcmp(&data[0] + ptr[middle], letters, min(size, wanted)) if size and wanted else 0
        if order < 0 or (order == 0 and size < wanted):
            low = middle + 1
        else:
            high = middle
    return low


def matches(
    const int[::1] terms, const int[::1] starts, const int[::1] ends, Py_ssize_t first, Py_ssize_t last,
    const int[::1] wanted,
):
    cdef list found = []
    cdef Py_ssize_t i, low, high, middle, count = wanted.shape[0]
    for i in range(first, last):
        low, high = 0, count
        while low < high:
            middle = (low + high) // 2
            if wanted[middle] < terms[i]:
                low = middle + 1
            else:
                high = middle
        if low < count and wanted[low] == terms[i]:
            found.append((starts[i], ends[i], terms[i]))
    return found


cdef struct Kind:
    # one of the terms within a window
    int term
    int count
    double value


def window(str text, list found, dict values, Py_ssize_t columns):
    cdef Py_ssize_t count = len(found), number, other, kinds, k, limit, last, start
    cdef Py_ssize_t left = found[0][0] if count else 0
    cdef Py_ssize_t right = left
    cdef double score, best = 0.0
    if not count:
        return 0, 0
    # the matches, then the terms of a window, in the order in which they appear there
    cdef int* spans = <int*>PyMem_Malloc(3 * count * sizeof(int))
    cdef Kind* inside = <Kind*>PyMem_Malloc(count * sizeof(Kind))
    cdef double* value = <double*>PyMem_Malloc(count * sizeof(double))
    try:
        if not spans or not inside or not value:
            raise MemoryError
        for number in range(count):
            spans[3 * number], spans[3 * number + 1], spans[3 * number + 2] = found[number]
            value[number] = values[found[number][2]]
        for number in range(min(count, MAX_STARTS)):
            start = last = spans[3 * number]
            limit = _fit(text, start, columns)
            kinds = 0
            for other in range(number, count):
                if spans[3 * other + 1] > limit:
                    break
                k = 0
                while k < kinds and inside[k].term != spans[3 * other + 2]:
                    k += 1
                if k == kinds:
                    inside[k] = Kind(spans[3 * other + 2], 0, value[other])
                    kinds += 1
                inside[k].count += 1
                last = max(last, spans[3 * other + 1])
            score = 0.0
            for k in range(kinds):
                score += inside[k].value * (1 + 0.1 * min(inside[k].count - 1, 3))
            if score > best + 1e-9:
                best, left, right = score, start, last
    finally:
        PyMem_Free(spans)
        PyMem_Free(inside)
        PyMem_Free(value)
    return left, right


def fit(str text, Py_ssize_t start, Py_ssize_t columns):
    return _fit(text, start, columns)


cdef Py_ssize_t _fit(str text, Py_ssize_t start, Py_ssize_t columns):
    cdef Py_ssize_t end = start, count = len(text)
    while end < count:
        columns -= 2 if <int>text[end] > WIDE else 1
        if columns < 0:
            break
        end += 1
    return end


def fit_before(str text, Py_ssize_t least, Py_ssize_t end, Py_ssize_t columns):
    cdef Py_ssize_t start = end
    while start > least:
        columns -= 2 if <int>text[start - 1] > WIDE else 1
        if columns < 0:
            break
        start -= 1
    return start


def width(str text):
    cdef Py_ssize_t i, wide = 0
    for i in range(len(text)):
        wide += <int>text[i] > WIDE
    return len(text) + wide
