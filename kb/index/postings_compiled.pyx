# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""`postings`, compiled: what each function does is said there; both give the same bits.

What is long runs without the interpreter's lock.
"""

from libc.limits cimport INT_MAX
from libc.string cimport memcpy

import numpy as np

cdef enum:
    # rows of a block, as in `scorer_compiled`
    BLOCK = 64


def merge(tuple before, const long long[::1] place, const int[::1] moved, tuple added):
    cdef const long long[::1] ptr = before[0], added_ptr = added[0]
    cdef const int[::1] row = before[1], added_row = added[1]
    cdef const unsigned char[::1] held = _bytes(before[2]), added_held = _bytes(added[2])
    cdef Py_ssize_t lists = added_ptr.shape[0] - 1, most = row.shape[0] + added_row.shape[0]
    cdef Py_ssize_t width = added[2].itemsize * (added[2].shape[1] if added[2].ndim > 1 else 1)
    # one more: what is left out is written, too, and written over
    ends, rows = np.zeros(lists + 1, np.int64), np.empty(most + 1, np.int32)
    kept = np.empty((most + 1, *added[2].shape[1:]), added[2].dtype)
    cdef long long[::1] here = ends
    cdef int[::1] out_row = rows
    cdef unsigned char[::1] out_held = _bytes(kept)
    cdef List old, new
    cdef Merged out = Merged(&out_row[0], &out_held[0], 0)
    cdef Py_ssize_t number, next_old = 0
    with nogil:
        for number in range(lists):
            while next_old < place.shape[0] and place[next_old] < number:
                next_old += 1
            new = _list(added_ptr, added_row, added_held, number, width)
            old = List(NULL, NULL, 0)
            if next_old < place.shape[0] and place[next_old] == number:
                old = _list(ptr, row, held, next_old, width)
            # by itself, so that the compiler knows how little is copied
            if width == 1:
                _merge(&out, old, new, &moved[0], 1)
            else:
                _merge(&out, old, new, &moved[0], width)
            here[number + 1] = out.size
    return ends, rows[:out.size], kept[:out.size]


cdef struct List:
    const int* row
    const unsigned char* held
    Py_ssize_t size


cdef struct Merged:
    int* row
    unsigned char* held
    Py_ssize_t size


cdef inline List _list(
    const long long[::1] ptr, const int[::1] row, const unsigned char[::1] held, Py_ssize_t number, Py_ssize_t width
) noexcept nogil:
    cdef Py_ssize_t first = ptr[number], size = ptr[number + 1] - first
    if size == 0:
        return List(NULL, NULL, 0)
    return List(&row[first], &held[first * width], size)


cdef inline void _merge(Merged* out, List old, List new, const int* moved, Py_ssize_t width) noexcept nogil:
    cdef int* row = out.row
    cdef unsigned char* held = out.held
    cdef Py_ssize_t n, a = 0, size = out.size
    cdef int wanted, following = new.row[0] if new.size else INT_MAX
    for n in range(old.size):
        wanted = moved[old.row[n]]
        while following < wanted:
            row[size] = following
            memcpy(&held[size * width], &new.held[a * width], width)
            size, a = size + 1, a + 1
            following = new.row[a] if a < new.size else INT_MAX
        row[size] = wanted
        memcpy(&held[size * width], &old.held[n * width], width)
        size += wanted >= 0
    if a < new.size:
        memcpy(&row[size], &new.row[a], (new.size - a) * sizeof(int))
        memcpy(&held[size * width], &new.held[a * width], (new.size - a) * width)
    out.size = size + new.size - a


cdef _bytes(array):
    return array.reshape(-1).view(np.uint8)


def counts(tuple words, int sections):
    cdef const long long[::1] ptr = words[0]
    cdef const int[::1] row = words[1]
    cdef const unsigned short[:, ::1] held = words[2]
    cdef Py_ssize_t terms = ptr.shape[0] - 1, fields = held.shape[1], term, n, field
    found = np.zeros((fields + 1, terms), np.int64)
    cdef long long[:, ::1] count = found
    with nogil:
        for term in range(terms):
            for n in range(ptr[term], ptr[term + 1]):
                if row[n] >= sections:
                    break
                for field in range(fields):
                    count[field, term] += held[n, field] > 0
                count[fields, term] += 1
    return found


def blocks(
    const long long[::1] ptr, const int[::1] row, const float[::1] impact, const long long[::1] lists,
    Py_ssize_t sections,
):
    cdef Py_ssize_t count = (sections + BLOCK - 1) // BLOCK, number, n, block, first, last
    begins, highest = np.zeros(lists.shape[0] * (count + 1), np.int32), np.zeros(lists.shape[0] * count, np.float32)
    cdef int[::1] begin = begins
    cdef float[::1] peak = highest
    with nogil:
        for number in range(lists.shape[0]):
            first = n = ptr[lists[number]]
            last = ptr[lists[number] + 1]
            for block in range(count):
                begin[number * (count + 1) + block] = <int>(n - first)
                while n < last and row[n] < min((block + 1) * BLOCK, sections):
                    if impact[n] > peak[number * count + block]:
                        peak[number * count + block] = impact[n]
                    n += 1
            begin[number * (count + 1) + count] = <int>(n - first)
    return begins, highest


def word_impacts(
    tuple words, const double[::1] idf, const double[:, ::1] norms, const double[::1] boosts,
    const double[::1] asked_idf, const double[::1] asked_norms, double k1,
):
    cdef const long long[::1] ptr = words[0]
    cdef const int[::1] row = words[1]
    cdef const unsigned short[:, ::1] held = words[2]
    cdef Py_ssize_t sections = norms.shape[1], fields = held.shape[1], term, n, field
    found = np.empty(row.shape[0], np.float32)
    cdef float[::1] impact = found
    cdef double tf, total
    with nogil:
        for term in range(ptr.shape[0] - 1):
            for n in range(ptr[term], ptr[term + 1]):
                if row[n] >= sections:
                    tf = held[n, 0]
                    impact[n] = <float>(asked_idf[term] * tf * (k1 + 1) / (tf + asked_norms[row[n] - sections]))
                    continue
                total = 0
                for field in range(fields):
                    if held[n, field]:
                        tf = held[n, field]
                        total += boosts[field] * (idf[term] * tf * (k1 + 1) / (tf + norms[field, row[n]]))
                impact[n] = <float>total
    return found


def gram_impacts(tuple lists, const float[::1] factor, const float[:, ::1] norms, const long long[::1] kinds):
    cdef const long long[::1] ptr = lists[0]
    cdef const int[::1] row = lists[1]
    cdef const unsigned char[::1] held = lists[2]
    found = np.empty(row.shape[0], np.float32)
    cdef float[::1] impact = found
    cdef Py_ssize_t kind, number, n
    cdef float tf
    with nogil:
        for kind in range(kinds.shape[0] - 1):
            for number in range(kinds[kind], kinds[kind + 1]):
                for n in range(ptr[number], ptr[number + 1]):
                    tf = held[n] * <float>0.5
                    impact[n] = tf * factor[number] / (norms[kind, row[n]] + tf)
    return found


def article_sets(
    const long long[::1] ptr, const int[::1] row, const long long[::1] lists, const int[::1] owner,
    Py_ssize_t articles,
):
    cdef Py_ssize_t needed = articles // 64 + 1, number, n
    cdef unsigned int article
    found = np.zeros(lists.shape[0] * needed, np.uint64)
    cdef unsigned long long[::1] sets = found
    with nogil:
        for number in range(lists.shape[0]):
            for n in range(ptr[lists[number]], ptr[lists[number] + 1]):
                article = owner[row[n]]
                sets[number * needed + (article >> 6)] |= <unsigned long long>1 << (article & 63)
    return found
