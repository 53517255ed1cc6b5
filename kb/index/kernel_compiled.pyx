# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The hot loops, compiled: `kernel_numpy` says what each does; both give the same bits.

Here are those over texts; `scorer_compiled` adds up posting lists, `postings_compiled` makes them. Numbers are
trusted, as everything in a snapshot that matches its checksums.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DATA, PyUnicode_KIND, PyUnicode_READ
from libc.limits cimport INT_MAX
from libc.math cimport rint
from libc.stdlib cimport qsort
from libc.string cimport memcmp, memset

from kb.index.postings_compiled import article_sets, blocks, counts, gram_impacts, merge, word_impacts
from kb.index.scorer_compiled import Scorer, size, tally
from kb.text.graphemes import tears

cdef int WIDE = 0x2E80
cdef int MAX_STARTS = 200
cdef int LEAD = 60


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


def near(const long long[::1] ptr, const unsigned char[:] data, Py_ssize_t first, Py_ssize_t end, str typed):
    cdef bytes encoded = typed.encode()
    cdef const unsigned char* letters = encoded
    cdef Py_ssize_t item, size = len(encoded)
    return [
        item for item in range(first, end)
        if _begins_nearly(&data[0] + ptr[item], ptr[item + 1] - ptr[item], letters, size)
    ]


cdef bint _begins_nearly(
    const unsigned char* key, Py_ssize_t length, const unsigned char* typed, Py_ssize_t size
) noexcept nogil:
    cdef Py_ssize_t place = 0, letter, following
    while place < length and place < size and key[place] == typed[place]:
        place += 1
    if place == size:
        return True
    # bytes of a letter before the one that differs are the same in both
    while typed[place] & 0xC0 == 0x80:
        place -= 1
    letter = place + _bytes_of(typed[place])
    if _goes_on(key, length, place, typed, size, letter):  # one letter too many
        return True
    if place == length:
        return False
    following = place + _bytes_of(key[place])
    if _goes_on(key, length, following, typed, size, letter) or _goes_on(key, length, following, typed, size, place):
        return True  # a wrong one, one too few
    if letter == size:
        return False
    following = letter + _bytes_of(typed[letter])
    return (
        following <= length
        and memcmp(key + place, typed + letter, following - letter) == 0
        and memcmp(key + place + following - letter, typed + place, letter - place) == 0
        and _goes_on(key, length, following, typed, size, following)
    )


cdef bint _goes_on(
    const unsigned char* key, Py_ssize_t length, Py_ssize_t at, const unsigned char* typed, Py_ssize_t size,
    Py_ssize_t rest,
) noexcept nogil:
    return size - rest <= length - at and memcmp(key + at, typed + rest, size - rest) == 0


cdef Py_ssize_t _bytes_of(unsigned char lead) noexcept nogil:
    return 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


# ---------------------------------------------------------------- excerpts


cdef struct Match:
    # where a term stands in a text, and what it is worth there
    int start
    int end
    int term
    double value


cdef struct Found:
    Match* at
    Py_ssize_t used
    Py_ssize_t room


cdef struct Text:
    int kind
    void* data
    Py_ssize_t size


cdef struct Scored:
    # `kb.index.scorer.SCORED`
    int article
    float score
    int strict
    int count
    int[3] shown


cdef struct Numbers:
    # a record as it grows
    int* at
    Py_ssize_t used
    Py_ssize_t room


cdef struct Term:
    # one that is sought, wherever it stands or as part of a phrase
    int term
    bint single
    double value


cdef class Forward:
    cdef const long long[::1] ptr
    cdef const int[::1] term, start, end

    def __init__(self, ptr, term, start, end):
        self.ptr, self.term, self.start, self.end = ptr, term, start, end


cdef class Sought:
    cdef Forward forward
    cdef Term* term
    cdef Py_ssize_t terms, columns
    cdef list phrases
    # a bit for what a term that is sought ends in: of the others nearly all go no further
    cdef unsigned long long ends

    def __init__(self, Forward forward, single, dict values, list phrases, Py_ssize_t columns):
        self.forward, self.phrases, self.columns = forward, phrases, columns
        self.term = <Term*>PyMem_Malloc((len(values) + 1) * sizeof(Term))
        if not self.term:
            raise MemoryError
        for term, value in values.items():
            self.term[self.terms] = Term(term, term in single, value)
            self.ends |= 1ULL << (self.term[self.terms].term & 63)
            self.terms += 1

    def __dealloc__(self):
        PyMem_Free(self.term)

    def records(self, bytes page, card_of, passage_of, double sure):
        cdef Numbers numbers
        cdef const Scored* one = <const Scored*>PyBytes_AS_STRING(page)
        cdef const Scored* end = one + len(page) // sizeof(Scored)
        cdef Py_ssize_t n
        memset(&numbers, 0, sizeof(Numbers))
        made = []
        try:
            while one < end:
                numbers.used = 0
                _number(&numbers, one.article)
                # to the nearest, of two as near to the even one: as Python rounds
                _number(&numbers, <int>min(rint(one.score * sure * 10000), INT_MAX))
                _number(&numbers, one.strict)
                _number(&numbers, one.count)
                for n in range(one.count):
                    _number(&numbers, one.shown[n])
                self._excerpt(&numbers, one.shown[0], passage_of(one.shown[0]).text)
                card = card_of(one.article)
                self._title(&numbers, card.title, card.title_terms, card.title_spans)
                made.append(PyBytes_FromStringAndSize(<char*>numbers.at, numbers.used * sizeof(int)))
                one += 1
            return tuple(made)
        finally:
            PyMem_Free(numbers.at)

    cdef int _excerpt(self, Numbers* numbers, Py_ssize_t section, str text) except -1:
        cdef Forward forward = self.forward
        cdef Py_ssize_t first = forward.ptr[section], count = forward.ptr[section + 1] - first, n
        cdef Py_ssize_t[2] cut
        cdef Found found
        cdef Match* tokens = NULL
        memset(&found, 0, sizeof(Found))
        try:
            for n in range(first, first + count):
                self._keep_single(&found, forward.start[n], forward.end[n], forward.term[n])
            if self.phrases:
                tokens = <Match*>PyMem_Malloc((count + 1) * sizeof(Match))
                if not tokens:
                    raise MemoryError
                for n in range(count):
                    tokens[n] = Match(forward.start[first + n], forward.end[first + n], forward.term[first + n], 0)
                _phrases(&found, tokens, count, self.phrases, text)
                for n in range(found.used):
                    found.at[n].value = self._sought(found.at[n].term).value
            _excerpt(cut, text, &found, self.columns)
            _number(numbers, cut[0])
            _number(numbers, cut[1])
            return _marks(numbers, text, &found, cut[0], cut[1])
        finally:
            PyMem_Free(tokens)
            PyMem_Free(found.at)

    cdef int _title(self, Numbers* numbers, str title, tuple terms, tuple spans) except -1:
        cdef Py_ssize_t count = len(terms), n
        cdef int term, start, end
        cdef Found found
        cdef Match* tokens = NULL
        memset(&found, 0, sizeof(Found))
        try:
            if self.phrases:
                tokens = <Match*>PyMem_Malloc((count + 1) * sizeof(Match))
                if not tokens:
                    raise MemoryError
            for n in range(count):
                term = terms[n]
                if self.phrases or self.ends >> (term & 63) & 1:
                    start, end = spans[n]
                    self._keep_single(&found, start, end, term)
                    if self.phrases:
                        tokens[n] = Match(start, end, term, 0)
            if self.phrases:
                _phrases(&found, tokens, count, self.phrases, title)
            return _marks(numbers, title, &found, 0, len(title))
        finally:
            PyMem_Free(tokens)
            PyMem_Free(found.at)

    cdef inline int _keep_single(self, Found* found, int start, int end, int term) except -1:
        cdef const Term* sought
        if self.ends >> (term & 63) & 1:
            sought = self._sought(term)
            if sought != NULL and sought.single:
                _keep(found, Match(start, end, term, sought.value))
        return 0

    cdef const Term* _sought(self, int term) noexcept nogil:
        cdef Py_ssize_t n
        for n in range(self.terms):
            if self.term[n].term == term:
                return &self.term[n]
        return NULL


cdef inline int _number(Numbers* numbers, int number) except -1:
    cdef int* at
    if numbers.used == numbers.room:
        at = <int*>PyMem_Realloc(numbers.at, (2 * numbers.room + 64) * sizeof(int))
        if at == NULL:
            raise MemoryError
        numbers.at, numbers.room = at, 2 * numbers.room + 64
    numbers.at[numbers.used] = number
    numbers.used += 1
    return 0


def window(str text, list found, dict values, Py_ssize_t columns):
    cdef Py_ssize_t[2] cut
    cdef Found given
    _given(&given, found, values)
    try:
        _window(cut, text, &given, columns)
    finally:
        PyMem_Free(given.at)
    return cut[0], cut[1]


def excerpt(str text, list found, dict values, Py_ssize_t columns):
    cdef Py_ssize_t[2] cut
    cdef Found given
    _given(&given, found, values)
    try:
        _excerpt(cut, text, &given, columns)
    finally:
        PyMem_Free(given.at)
    return cut[0], cut[1]


def marks(str text, list found, Py_ssize_t left, Py_ssize_t right):
    cdef Found given
    cdef Numbers numbers
    cdef Py_ssize_t n
    memset(&numbers, 0, sizeof(Numbers))
    _given(&given, found, {})
    try:
        _marks(&numbers, text, &given, left, right)
        return [(numbers.at[n], numbers.at[n + 1]) for n in range(1, numbers.used, 2)]
    finally:
        PyMem_Free(numbers.at)
        PyMem_Free(given.at)


def fit(str text, Py_ssize_t start, Py_ssize_t columns):
    return _fit(_text(text), start, columns)


def fit_before(str text, Py_ssize_t least, Py_ssize_t end, Py_ssize_t columns):
    return _fit_before(_text(text), least, end, columns)


def width(str text):
    return _width(_text(text), 0, len(text))


cdef inline Text _text(str text):
    cdef Text made
    made.kind, made.data, made.size = PyUnicode_KIND(text), PyUnicode_DATA(text), len(text)
    return made


cdef inline Py_UCS4 _at(Text text, Py_ssize_t place) noexcept:
    return PyUnicode_READ(text.kind, text.data, place)


cdef inline int _columns(Text text, Py_ssize_t place) noexcept:
    return 2 if <int>_at(text, place) > WIDE else 1


cdef int _given(Found* made, list found, dict values) except -1:
    memset(made, 0, sizeof(Found))
    for start, end, term in found:
        _keep(made, Match(start, end, term, values.get(term, 0.0)))
    return 0


cdef inline int _keep(Found* found, Match match) except -1:
    cdef Match* at
    if found.used == found.room:
        at = <Match*>PyMem_Realloc(found.at, (2 * found.room + 32) * sizeof(Match))
        if at == NULL:
            raise MemoryError
        found.at, found.room = at, 2 * found.room + 32
    found.at[found.used] = match
    found.used += 1
    return 0


cdef int _order(const void* a, const void* b) noexcept nogil:
    cdef const Match* one = <const Match*>a
    cdef const Match* other = <const Match*>b
    if one.start != other.start:
        return -1 if one.start < other.start else 1
    if one.end != other.end:
        return -1 if one.end < other.end else 1
    return (one.term > other.term) - (one.term < other.term)


cdef struct Kind:
    # one of the terms within a window
    int term
    int count
    double value


cdef int _window(Py_ssize_t* cut, str given, const Found* found, Py_ssize_t columns) except -1:
    cdef Py_ssize_t count = found.used, number, other, kinds, k, last, start
    # where what fits from a start ends, and how many columns that takes
    cdef Py_ssize_t limit = 0, filled = 0, begun = 0
    cdef double score, best = 0.0
    cdef Text text = _text(given)
    cdef Match* at = found.at
    cut[0] = cut[1] = at[0].start if count else 0
    if not count:
        return 0
    # the terms of a window in the order in which they appear there
    cdef Kind* inside = <Kind*>PyMem_Malloc(count * sizeof(Kind))
    try:
        if not inside:
            raise MemoryError
        for number in range(min(count, MAX_STARTS)):
            start = last = at[number].start
            # starts ascend, and so do their limits: the text is passed once
            if start > limit:
                limit, filled = start, 0
            else:
                filled -= _width(text, begun, start)
            begun = start
            while limit < text.size and filled + _columns(text, limit) <= columns:
                filled += _columns(text, limit)
                limit += 1
            kinds = 0
            for other in range(number, count):
                if at[other].end > limit:
                    break
                k = 0
                while k < kinds and inside[k].term != at[other].term:
                    k += 1
                if k == kinds:
                    inside[k] = Kind(at[other].term, 0, at[other].value)
                    kinds += 1
                inside[k].count += 1
                last = max(last, at[other].end)
            score = 0.0
            for k in range(kinds):
                score += inside[k].value * (1 + 0.1 * min(inside[k].count - 1, 3))
            if score > best + 1e-9:
                best, cut[0], cut[1] = score, start, last
    finally:
        PyMem_Free(inside)
    return 0


cdef Py_ssize_t _fit(Text text, Py_ssize_t start, Py_ssize_t columns) noexcept:
    cdef Py_ssize_t end = start
    while end < text.size:
        columns -= _columns(text, end)
        if columns < 0:
            break
        end += 1
    return end


cdef Py_ssize_t _fit_before(Text text, Py_ssize_t least, Py_ssize_t end, Py_ssize_t columns) noexcept:
    cdef Py_ssize_t start = end
    while start > least:
        columns -= _columns(text, start - 1)
        if columns < 0:
            break
        start -= 1
    return start


cdef Py_ssize_t _width(Text text, Py_ssize_t start, Py_ssize_t end) noexcept:
    cdef Py_ssize_t i, filled = 0
    for i in range(start, end):
        filled += _columns(text, i)
    return filled


def phrases(
    const int[::1] terms, const int[::1] starts, const int[::1] ends, Py_ssize_t first, Py_ssize_t last,
    list wanted, str text,
):
    cdef Found found, tokens
    cdef Py_ssize_t n
    memset(&found, 0, sizeof(Found))
    memset(&tokens, 0, sizeof(Found))
    try:
        for n in range(first, last):
            _keep(&tokens, Match(starts[n], ends[n], terms[n], 0))
        for phrase in wanted:
            _phrase(&found, tokens.at, tokens.used, phrase, text)
        return [(found.at[n].start, found.at[n].end, found.at[n].term) for n in range(found.used)]
    finally:
        PyMem_Free(found.at)
        PyMem_Free(tokens.at)


cdef int _phrases(Found* found, const Match* tokens, Py_ssize_t count, list wanted, str text) except -1:
    # what stands for whole phrases, among what is there already: in order, each once
    cdef Py_ssize_t before = found.used, n, kept = 0
    for phrase in wanted:
        _phrase(found, tokens, count, phrase, text)
    if found.used == before:
        return 0
    qsort(found.at, found.used, sizeof(Match), _order)
    for n in range(1, found.used):
        if _order(&found.at[kept], &found.at[n]):
            kept += 1
            found.at[kept] = found.at[n]
    found.used = kept + 1
    return 0


cdef int _phrase(Found* found, const Match* tokens, Py_ssize_t count, tuple phrase, str text) except -1:
    cdef Py_ssize_t place
    cdef int head = phrase[0]
    for place in range(count):
        if tokens[place].term == head:
            _following(found, tokens, place, count, phrase, text)
    return 0


cdef int _following(
    Found* found, const Match* tokens, Py_ssize_t place, Py_ssize_t count, tuple phrase, str text
) except -1:
    cdef Py_ssize_t part, after, n, begun = found.used
    cdef int term
    _keep(found, tokens[place])
    for part in range(1, len(phrase)):
        term = phrase[part]
        after = place + 1
        while after < count and tokens[after].start < tokens[place].end:
            after += 1
        n = after
        while n < count and n < after + 4 and not (
            tokens[n].start == tokens[after].start and tokens[n].term == term
        ):
            n += 1
        if n >= min(after + 4, count) or _parts_sentences(text, tokens[place].end, tokens[after].start):
            found.used = begun
            return 0
        place = n
        _keep(found, tokens[place])
    return 0


cdef bint _parts_sentences(str given, Py_ssize_t start, Py_ssize_t end):
    cdef Text text = _text(given)
    cdef Py_ssize_t n
    end = min(end, text.size)
    for n in range(start, end):
        if _ends_sentence(_at(text, n)) or (
            _at(text, n) == u"." and n + 1 < end and _at(text, n + 1) == u" "
        ):
            return True
    return False


cdef int _excerpt(Py_ssize_t* cut, str given, const Found* found, Py_ssize_t columns) except -1:
    cdef Text text = _text(given)
    cdef Py_ssize_t first, last, left, right, space
    _window(cut, given, found, columns)
    first, last = cut[0], cut[1]
    left = _lead(text, first, columns - _width(text, first, last))
    while left < first and (
        _at(text, left).isspace() or _follows(_at(text, left)) or _tears(given, text, left)
    ):
        left += 1
    right = _fit(text, left, columns)
    if right < text.size:
        right = _tail(text, max(last, (left + right) // 2), right)
    if 0 < right < text.size and _is_narrow_letter(_at(text, right - 1)) and _is_narrow_letter(_at(text, right)):
        space = right - 1
        while space >= max(left, last) and _at(text, space) != u" ":
            space -= 1
        if space >= max(left, last) and space > (left + right) // 2:
            right = space
    cut[0], cut[1] = left, _whole(given, text, right)
    return 0


cdef Py_ssize_t _lead(Text text, Py_ssize_t first, Py_ssize_t room):
    cdef Py_ssize_t start = _fit_before(text, max(0, first - LEAD), first, room)
    cdef Py_ssize_t place = _last_end(text, start, first)
    if place:
        return place
    place = start
    while 0 < place < first and _is_narrow_letter(_at(text, place - 1)) and _is_narrow_letter(_at(text, place)):
        place += 1
    return place


cdef Py_ssize_t _tail(Text text, Py_ssize_t least, Py_ssize_t right):
    cdef Py_ssize_t end = _last_end(text, least, right)
    if not end:
        return right
    while end < right and _follows(_at(text, end)):
        end += 1
    return end


cdef Py_ssize_t _last_end(Text text, Py_ssize_t least, Py_ssize_t right):
    cdef Py_ssize_t end = right
    while end > least:
        if _ends_sentence(_at(text, end - 1)) or (
            _at(text, end - 1) == u"." and end < text.size and _at(text, end) == u" "
        ):
            return end
        end -= 1
    return 0


cdef bint _is_narrow_letter(Py_UCS4 letter):
    return <int>letter <= WIDE and letter.isalnum()


cdef bint _ends_sentence(Py_UCS4 sign):
    return sign in u"。．！？!?\n"


cdef bint _follows(Py_UCS4 sign):
    return sign in u"、。，．,.;:!?！？；：)）]］」』】〉》|"


cdef bint _tears(str given, Text text, Py_ssize_t place) except -1:
    cdef Py_UCS4 after
    if not 0 < place < text.size:
        return False
    after = _at(text, place)
    if after < 0x300 or 0x3041 <= after <= 0x3096 or 0x30A1 <= after <= 0x30FF or 0x4E00 <= after <= 0x9FFF:
        return False
    # signs of Japanese text, which belong to nothing but a joiner
    if (0x3000 <= after <= 0x3029 or 0xFF01 <= after <= 0xFF9D) and _at(text, place - 1) != 0x200D:
        return False
    return tears(given, place)


cdef Py_ssize_t _whole(str given, Text text, Py_ssize_t end) except -1:
    while _tears(given, text, end):
        end += 1
    return end


cdef int _marks(Numbers* numbers, str given, const Found* found, Py_ssize_t left, Py_ssize_t right) except -1:
    # how many, then where each begins and ends
    cdef Text text = _text(given)
    cdef Found inside
    cdef Py_ssize_t n, count = numbers.used
    memset(&inside, 0, sizeof(Found))
    _number(numbers, 0)
    try:
        for n in range(found.used):
            if left <= found.at[n].start and found.at[n].end <= right:
                _keep(&inside, Match(
                    found.at[n].start - left, min(_whole(given, text, found.at[n].end), right) - left, 0, 0
                ))
        if inside.used > 1:
            qsort(inside.at, inside.used, sizeof(Match), _order)
        for n in range(inside.used):
            if numbers.at[count] and inside.at[n].start <= numbers.at[numbers.used - 1]:
                numbers.at[numbers.used - 1] = max(numbers.at[numbers.used - 1], inside.at[n].end)
            elif inside.at[n].end > inside.at[n].start:
                _number(numbers, inside.at[n].start)
                _number(numbers, inside.at[n].end)
                numbers.at[count] += 1
        return 0
    finally:
        PyMem_Free(inside.at)
