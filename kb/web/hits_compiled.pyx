# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""`kb.web.hits.joined`, compiled: what it does is said there; both give the same bytes."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DATA, PyUnicode_KIND, PyUnicode_READ
from libc.string cimport memcpy, memset, strlen

cdef struct Out:
    char* data
    Py_ssize_t used
    Py_ssize_t room


cdef struct Text:
    # a part of a string
    int kind
    const char* data
    Py_ssize_t size


# what a letter below 128 becomes within a string of JSON, and within one that holds HTML; empty: itself
cdef enum:
    # bytes for each, an end included
    LONGEST = 7
    # bytes that half a hit takes, mostly
    HALF = 1000

cdef char[128 * LONGEST] _IN_JSON
cdef char[128 * LONGEST] _IN_HTML
# the same of an excerpt, which is one line: the breaks between blocks become spaces
cdef char[128 * LONGEST] _IN_LINE
cdef char[128 * LONGEST] _IN_HTML_LINE


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
    memcpy(_IN_LINE, _IN_JSON, sizeof(_IN_JSON))
    memcpy(_IN_HTML_LINE, _IN_HTML, sizeof(_IN_HTML))
    _becomes(_IN_LINE, c"\n", b" ")
    _becomes(_IN_HTML_LINE, c"\n", b" ")


cdef void _becomes(char* table, int letter, const char* text) noexcept:
    memset(table + letter * LONGEST, 0, LONGEST)
    memcpy(table + letter * LONGEST, text, strlen(text))


_fill()


def joined(tuple records, article_of, section_of, snapshot):
    cdef Out out
    cdef bytes record
    passage_of = snapshot.passage
    out.data, out.used, out.room = NULL, 0, 0
    try:
        _room(&out, HALF * len(records))
        for record in records:
            if out.used:
                _put(&out, b",", 1)
            _hit(&out, <const int*>PyBytes_AS_STRING(record), article_of, section_of, passage_of)
        return PyBytes_FromStringAndSize(out.data, out.used)
    finally:
        PyMem_Free(out.data)


cdef int _hit(Out* out, const int* record, article_of, section_of, passage_of) except -1:
    cdef Py_ssize_t n, count = record[3]
    cdef const int* marks = record + 4 + count
    cdef const int* title_marks = marks + 3 + 2 * marks[2]
    cdef Text text
    # held while it is read
    cdef str passage = passage_of(record[4]).text
    url, section, excerpt, title_html, title, score, rest = article_of(record[0])
    first = section_of(record[4])
    _add(out, url)
    _add(out, (<tuple>first)[0])
    _add(out, section)
    _add(out, (<tuple>first)[1])
    _put(out, b",\"sections\":[", 13)
    _add(out, (<tuple>first)[2])
    for n in range(1, count):
        _put(out, b",", 1)
        _add(out, (<tuple>section_of(record[4 + n]))[2])
    _put(out, b"]", 1)
    _add(out, excerpt)
    _cut(&text, passage, marks[0], marks[1])
    _excerpt(out, &text, marks + 2)
    _add(out, title_html)
    _cut(&text, title, 0, len(<str>title))
    _html(out, &text, title_marks, _IN_HTML)
    _add(out, score)
    _score(out, record[1])
    _add(out, rest)
    return 0


cdef int _cut(Text* made, str text, Py_ssize_t left, Py_ssize_t right) noexcept:
    # that the text lives on is for the caller
    made.kind, made.size = PyUnicode_KIND(text), right - left
    made.data = <const char*>PyUnicode_DATA(text) + left * made.kind
    return 0


cdef int _excerpt(Out* out, const Text* text, const int* marks) except -1:
    # a snippet's values: text, marks, and both as HTML
    cdef Py_ssize_t n
    _put(out, b"{\"text\":\"", 9)
    _letters(out, text, 0, text.size, _IN_LINE)
    _put(out, b"\",\"marks\":[", 11)
    for n in range(marks[0]):
        _put(out, b",[" if n else b"[", 2 if n else 1)
        _number(out, marks[1 + 2 * n])
        _put(out, b",", 1)
        _number(out, marks[2 + 2 * n])
        _put(out, b"]", 1)
    _put(out, b"]},\"snippet_html\":", 18)
    return _html(out, text, marks, _IN_HTML_LINE)


cdef int _html(Out* out, const Text* text, const int* marks, const char* table) except -1:
    # the text as a string of JSON that holds HTML: escaped, the marks within an element
    cdef Py_ssize_t n, done = 0
    _put(out, b"\"", 1)
    for n in range(marks[0]):
        _letters(out, text, done, marks[1 + 2 * n], table)
        _put(out, b"<mark>", 6)
        _letters(out, text, marks[1 + 2 * n], marks[2 + 2 * n], table)
        _put(out, b"</mark>", 7)
        done = marks[2 + 2 * n]
    _letters(out, text, done, text.size, table)
    return _put(out, b"\"", 1)


cdef int _letters(Out* out, const Text* text, Py_ssize_t start, Py_ssize_t end, const char* table) except -1:
    # as UTF-8, escaped
    cdef Py_ssize_t n
    cdef unsigned int letter
    cdef const char* escape
    cdef char* at
    # no letter takes more bytes than the longest of what is escaped
    _room(out, LONGEST * (end - start))
    at = out.data + out.used
    for n in range(start, end):
        letter = <unsigned int>PyUnicode_READ(text.kind, <void*>text.data, n)
        if letter < 0x80:
            escape = table + letter * LONGEST
            if not escape[0]:
                at[0] = <char>letter
                at += 1
            else:
                while escape[0]:
                    at[0] = escape[0]
                    at, escape = at + 1, escape + 1
        elif letter < 0x800:
            at[0], at[1] = <char>(0xC0 | letter >> 6), <char>(0x80 | letter & 63)
            at += 2
        elif letter < 0x10000:
            at[0], at[1] = <char>(0xE0 | letter >> 12), <char>(0x80 | letter >> 6 & 63)
            at[2] = <char>(0x80 | letter & 63)
            at += 3
        else:
            at[0], at[1] = <char>(0xF0 | letter >> 18), <char>(0x80 | letter >> 12 & 63)
            at[2], at[3] = <char>(0x80 | letter >> 6 & 63), <char>(0x80 | letter & 63)
            at += 4
    out.used = at - out.data
    return 0


cdef int _score(Out* out, Py_ssize_t score) except -1:
    # of ten thousandths, as the shortest number that is the same
    cdef char[4] digits
    cdef int n, size = 4
    _number(out, score // 10000)
    score %= 10000
    for n in range(4):
        digits[3 - n] = c"0" + score % 10
        score //= 10
    while size > 1 and digits[size - 1] == c"0":
        size -= 1
    _put(out, b".", 1)
    return _put(out, digits, size)


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
