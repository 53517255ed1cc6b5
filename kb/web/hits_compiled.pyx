# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""`kb.web.hits.joined`, compiled: what it does is said there; both give the same bytes."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.string cimport memcpy, memset, strlen

from kb.web.answers import encode

cdef struct Out:
    char* data
    Py_ssize_t used
    Py_ssize_t room


# what a byte becomes within a string of JSON, and within one that holds HTML; empty: itself
cdef unsigned long long NOT_ASCII = 0x8080808080808080

cdef enum:
    # bytes for each, an end included
    LONGEST = 7

cdef char[256 * LONGEST] _IN_JSON
cdef char[256 * LONGEST] _IN_HTML


cdef void _fill() noexcept:
    cdef int n
    cdef const char* digits = b"0123456789abcdef"
    for n in range(32):
        _becomes(_IN_JSON, n, b"\\u00")
        _IN_JSON[n * LONGEST + 4], _IN_JSON[n * LONGEST + 5] = digits[n >> 4], digits[n & 15]
    _becomes(_IN_JSON, c"\b", b"\\b")
    _becomes(_IN_JSON, c"\t", b"\\t")
    _becomes(_IN_JSON, c"\n", b"\\n")
    _becomes(_IN_JSON, c"\f", b"\\f")
    _becomes(_IN_JSON, c"\r", b"\\r")
    _becomes(_IN_JSON, c"\"", b"\\\"")
    _becomes(_IN_JSON, c"\\", b"\\\\")
    memcpy(_IN_HTML, _IN_JSON, sizeof(_IN_JSON))
    _becomes(_IN_HTML, c"\"", b"&quot;")
    _becomes(_IN_HTML, c"&", b"&amp;")
    _becomes(_IN_HTML, c"'", b"&#x27;")
    _becomes(_IN_HTML, c"<", b"&lt;")
    _becomes(_IN_HTML, c">", b"&gt;")


cdef void _becomes(char* table, int letter, const char* text) noexcept:
    memset(table + letter * LONGEST, 0, LONGEST)
    memcpy(table + letter * LONGEST, text, strlen(text))


_fill()


def joined(hits, article_of, section_of):
    cdef Out out
    out.data, out.used, out.room = NULL, 0, 0
    try:
        for hit in hits:
            if out.used:
                _put(&out, b",", 1)
            _hit(&out, hit, article_of(hit.article), [section_of(number) for number in hit.shown])
        return PyBytes_FromStringAndSize(out.data, out.used)
    finally:
        PyMem_Free(out.data)


cdef int _hit(Out* out, hit, article, list sections) except -1:
    cdef Py_ssize_t n
    url, section, excerpt, title_html, title, score, rest = article
    first_url, first_name, _ = sections[0]
    snippet = hit.snippet
    _add(out, url)
    _add(out, first_url)
    _add(out, section)
    _add(out, first_name)
    _put(out, b",\"sections\":[", 13)
    for n in range(len(sections)):
        if n:
            _put(out, b",", 1)
        _add(out, sections[n][2])
    _put(out, b"]", 1)
    _add(out, excerpt)
    _excerpt(out, snippet.text, snippet.marks)
    _add(out, title_html)
    _html(out, title, hit.title_marks)
    _add(out, score)
    _add(out, encode(hit.score))
    _add(out, rest)
    return 0


cdef int _excerpt(Out* out, str text, tuple marks) except -1:
    # a snippet's values: text, marks, and both as HTML
    cdef Py_ssize_t size, n
    cdef const unsigned char* letters = <const unsigned char*>PyUnicode_AsUTF8AndSize(text, &size)
    _put(out, b"{\"text\":\"", 9)
    _letters(out, letters, size, _IN_JSON)
    _put(out, b"\",\"marks\":[", 11)
    for n in range(len(marks)):
        _put(out, b",[" if n else b"[", 2 if n else 1)
        _number(out, marks[n].start)
        _put(out, b",", 1)
        _number(out, marks[n].end)
        _put(out, b"]", 1)
    _put(out, b"]},\"snippet_html\":", 18)
    return _html(out, text, marks)


cdef int _html(Out* out, str text, tuple marks) except -1:
    # the text as a string of JSON that holds HTML: escaped, the marks within an element
    cdef Py_ssize_t size, done = 0, at = 0, first, last, start, end
    cdef const unsigned char* letters = <const unsigned char*>PyUnicode_AsUTF8AndSize(text, &size)
    _put(out, b"\"", 1)
    for span in marks:
        first, last = span.start, span.end
        start = _bytes_of(letters, first - at)
        end = start + _bytes_of(letters + start, last - first)
        _letters(out, letters, start, _IN_HTML)
        _put(out, b"<mark>", 6)
        _letters(out, letters + start, end - start, _IN_HTML)
        _put(out, b"</mark>", 7)
        letters, done, at = letters + end, done + end, last
    _letters(out, letters, size - done, _IN_HTML)
    return _put(out, b"\"", 1)


cdef Py_ssize_t _bytes_of(const unsigned char* letters, Py_ssize_t characters) noexcept:
    cdef Py_ssize_t size = 0
    while characters:
        size += 1 if letters[size] < 0x80 else 2 if letters[size] < 0xE0 else 3 if letters[size] < 0xF0 else 4
        characters -= 1
    return size


cdef int _letters(Out* out, const unsigned char* letters, Py_ssize_t size, const char* table) except -1:
    # escaped; what stands for itself is copied in stretches
    cdef Py_ssize_t done = 0, n = 0
    cdef const char* text
    cdef unsigned long long eight
    while n < size:
        if n + 8 <= size:
            memcpy(&eight, letters + n, 8)
            if eight & NOT_ASCII == NOT_ASCII:
                n += 8
                continue
        # all that is escaped stands before the letters, but for one
        if letters[n] < 0x40 or letters[n] == c"\\":
            text = table + letters[n] * LONGEST
            if text[0]:
                _put(out, <const char*>letters + done, n - done)
                _put(out, text, strlen(text))
                done = n + 1
        n += 1
    return _put(out, <const char*>letters + done, size - done)


cdef int _number(Out* out, Py_ssize_t number) except -1:
    cdef char[20] digits
    cdef int at = 20
    while at == 20 or number:
        at -= 1
        digits[at] = c"0" + number % 10
        number //= 10
    return _put(out, digits + at, 20 - at)


cdef inline int _add(Out* out, bytes part) except -1:
    return _put(out, PyBytes_AS_STRING(part), PyBytes_GET_SIZE(part))


cdef inline int _put(Out* out, const char* part, Py_ssize_t size) except -1:
    _room(out, size)
    memcpy(out.data + out.used, part, size)
    out.used += size
    return 0


cdef inline int _room(Out* out, Py_ssize_t size) except -1:
    # so many bytes more may be written
    cdef char* data
    if out.used + size > out.room:
        data = <char*>PyMem_Realloc(out.data, 2 * (out.used + size) + 4096)
        if data == NULL:
            raise MemoryError
        out.data, out.room = data, 2 * (out.used + size) + 4096
    return 0
