# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""`scorer` and `sets`, compiled: what each does is said there; both give the same bits.

All of it runs without the interpreter's lock; what is kept between calls (`Scratch`) belongs to one call at a
time, so any thread may call. Numbers are trusted, as everything in a snapshot that matches its checksums.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from cpython.ref cimport PyObject, _Py_REFCNT
from libc.string cimport memmove, memset

import numpy as np

from kb.index.scorer import Best

cdef object _tuple = tuple.__new__
cdef object _empty = np.empty
cdef object _uint64 = np.dtype(np.uint64)

cdef float SECTION_SHARE = 0.6
# the smallest score there is
cdef float LEAST = 1e-45

cdef extern from *:
    """
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #endif

    /* Loops that compilers do not make of several floats at a time: SSE's maximum treats NaN in another way than C
       does, though there is none here. */

    /* The highest of floats that are not negative. */
    static float highest_of(const float *values, Py_ssize_t count) {
        float best = 0;
        Py_ssize_t i = 0;
    #if defined(__SSE2__)
        float lane[4];
        __m128 most = _mm_setzero_ps(), more = _mm_setzero_ps();
        for (; i + 8 <= count; i += 8) {
            most = _mm_max_ps(most, _mm_loadu_ps(values + i));
            more = _mm_max_ps(more, _mm_loadu_ps(values + i + 4));
        }
        _mm_storeu_ps(lane, _mm_max_ps(most, more));
        for (int k = 0; k < 4; k++) best = lane[k] > best ? lane[k] : best;
    #endif
        for (; i < count; i++) best = values[i] > best ? values[i] : best;
        return best;
    }

    /* The same of those whose places are equal modulo `lanes`, a power of two; `best` is 0 before. */
    static void highest_of_lanes(const float *values, Py_ssize_t count, float *best, Py_ssize_t lanes) {
        Py_ssize_t i = 0;
        float *own;
    #if defined(__SSE2__)
        for (; i + 4 <= count; i += 4) {
            own = best + (i & (lanes - 1));
            _mm_storeu_ps(own, _mm_max_ps(_mm_loadu_ps(own), _mm_loadu_ps(values + i)));
        }
    #endif
        for (; i < count; i++) {
            own = best + (i & (lanes - 1));
            *own = values[i] > *own ? values[i] : *own;
        }
    }

    /* Which of so many values, of the first 64 at most, reach the bar with so much more, a bit each. Whatever
       they are, all 64 are read: a branch that cannot be foreseen takes as long as they do. */
    static unsigned long long reaching(const float *values, Py_ssize_t count, float more, float bar) {
        unsigned long long found = 0;
        int i = 0;
    #if defined(__SSE2__)
        __m128 add = _mm_set1_ps(more), least = _mm_set1_ps(bar);
        for (; i < 64; i += 16) {
            __m128i lane[4];
            for (int k = 0; k < 4; k++) {
                __m128 sum = _mm_add_ps(_mm_loadu_ps(values + i + 4 * k), add);
                lane[k] = _mm_castps_si128(_mm_cmpge_ps(sum, least));
            }
            lane[0] = _mm_packs_epi16(_mm_packs_epi32(lane[0], lane[1]), _mm_packs_epi32(lane[2], lane[3]));
            found |= (unsigned long long)_mm_movemask_epi8(lane[0]) << i;
        }
    #endif
        for (; i < 64; i++) found |= (unsigned long long)(values[i] + more >= bar) << i;
        return count < 64 ? found & ((1ULL << count) - 1) : found;
    }

    static Py_ssize_t how_many(const float *values, Py_ssize_t count, float least) {
        int found = 0;
        for (int i = 0; i < (int)count; i++) found += values[i] >= least;
        return found;
    }

    /* How many bits are set in both. The instruction that counts them is not in the oldest processors that this
       is built for, so it is asked for when it runs; without it gcc calls a function for each word. */
    #define COUNT_BITS_OF_BOTH \\
        Py_ssize_t found = 0, i; \\
        for (i = 0; i < count; i++) found += __builtin_popcountll(one[i] & other[i]); \\
        return found;

    #if defined(__x86_64__)
    __attribute__((target("popcnt"))) static Py_ssize_t in_both_by_instruction(
        const unsigned long long *one, const unsigned long long *other, Py_ssize_t count
    ) { COUNT_BITS_OF_BOTH }
    #endif

    static Py_ssize_t in_both(const unsigned long long *one, const unsigned long long *other, Py_ssize_t count) {
    #if defined(__x86_64__)
        if (__builtin_cpu_supports("popcnt")) return in_both_by_instruction(one, other, count);
    #endif
        COUNT_BITS_OF_BOTH
    }
    """
    float highest_of(const float* values, Py_ssize_t count) noexcept nogil
    void highest_of_lanes(const float* values, Py_ssize_t count, float* best, Py_ssize_t lanes) noexcept nogil
    unsigned long long reaching(const float* values, Py_ssize_t count, float more, float bar) noexcept nogil
    Py_ssize_t how_many(const float* values, Py_ssize_t count, float least) noexcept nogil
    Py_ssize_t in_both(
        const unsigned long long* one, const unsigned long long* other, Py_ssize_t count
    ) noexcept nogil
    # of gcc and clang: the number of the lowest bit that is set
    int __builtin_ctzll(unsigned long long word) noexcept nogil
    void __builtin_prefetch(const void* place) noexcept nogil

cdef enum:
    # rows whose highest sum is looked at before each of them is
    BLOCK = 64
    # it is quicker to go through postings once more than through so many times as many rows
    FEW = 16
    HALVINGS = 8
    # with more lists than these hardly a block can be passed over
    MOST_LISTS = 7

# n-grams are left for the best articles alone while they may add this share of what the last of these has
cdef float LEFT_SHARE = 0.3
# sums of hundreds of 32-bit floats are rounded by less
cdef float ROUNDED = 0.9999


cdef struct Scored:
    # `kb.index.scorer.SCORED`
    int article
    float score
    int strict
    int count
    int[3] shown


cdef struct Postings:
    # one posting list of a query: rows of sections, then of lines of `questions`
    const int* row
    const float* impact
    Py_ssize_t size
    Py_ssize_t sections
    # those that are added next
    Py_ssize_t begin
    Py_ssize_t end
    float weight
    # where the postings of each block begin and end, and their highest impact; NULL before a short list is asked
    const int* first
    const int* last
    const float* peak
    # what one posting may add
    float most
    # how many lists of a concept begin here; 1 of a list that counts by itself, 0 within a concept
    Py_ssize_t group
    # the articles of a frequent term; without them they are looked up by row
    const unsigned long long* articles
    bint owned


cdef struct Query:
    Postings* lists
    Py_ssize_t used
    # from here on are loose words, and from here on n-grams
    Py_ssize_t loose
    Py_ssize_t grams
    # lists up to here are added up, those behind for some articles alone
    Py_ssize_t added
    # only some blocks are added up, so many until now, but all of the first lists, which are short
    bint lazy
    Py_ssize_t blocks
    Py_ssize_t short
    # there are so few postings that the sum of each is looked at, not the highest of each block; so many are known
    bint few
    Py_ssize_t known
    # postings read until now
    Py_ssize_t postings


cdef struct Top:
    # the best articles: from `begin` on a heap with the worst at its root, until all of them are known
    int* article
    float* score
    Py_ssize_t begin
    Py_ssize_t used
    Py_ssize_t room
    # what a score must reach to be among them
    float bar


@cython.final
cdef class Scratch:
    # zero all over between two uses; of one call at a time
    cdef float* sums
    cdef float* best
    cdef float* line
    cdef int* asked
    # numbers and sets of articles
    cdef int* near
    cdef unsigned long long* noted
    cdef unsigned long long* seen
    # the highest sum of each block, or what is known of it; of few postings the sum of each, and its row
    cdef float* block
    cdef int* row
    # numbers of blocks that are added up, if not all are, and a flag of each
    cdef int* lazy
    cdef unsigned char* added
    # of the short lists of a query what is stored of the long ones
    cdef int* begin
    cdef float* peak
    # the set that was given away last: one that nobody holds any more is filled again, as a new one takes long
    cdef object strict
    cdef unsigned long long* marked

    def __cinit__(self, Py_ssize_t rows, Py_ssize_t articles):
        self.sums = <float*>PyMem_Calloc(rows + BLOCK, sizeof(float))
        self.best = <float*>PyMem_Calloc(rows + 1, sizeof(float))
        self.line = <float*>PyMem_Calloc(articles + 1, sizeof(float))
        self.asked = <int*>PyMem_Calloc(articles + 1, sizeof(int))
        self.near = <int*>PyMem_Calloc(articles + 1, sizeof(int))
        self.noted = <unsigned long long*>PyMem_Calloc(articles // 64 + 1, sizeof(unsigned long long))
        self.seen = <unsigned long long*>PyMem_Calloc(articles // 64 + 1, sizeof(unsigned long long))
        self.block = <float*>PyMem_Calloc(rows // FEW + BLOCK, sizeof(float))
        self.row = <int*>PyMem_Malloc((rows // FEW + 1) * sizeof(int))
        self.lazy = <int*>PyMem_Malloc((rows // BLOCK + 1) * sizeof(int))
        self.added = <unsigned char*>PyMem_Calloc(rows // BLOCK + 1, 1)
        self.begin = <int*>PyMem_Malloc(2 * MOST_LISTS * (rows // BLOCK + 1) * sizeof(int))
        self.peak = <float*>PyMem_Malloc(MOST_LISTS * (rows // BLOCK + 1) * sizeof(float))
        if not (
            self.sums and self.best and self.line and self.asked and self.near and self.noted and self.seen
            and self.block and self.row and self.lazy and self.added and self.begin and self.peak
        ):
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.sums)
        PyMem_Free(self.best)
        PyMem_Free(self.line)
        PyMem_Free(self.asked)
        PyMem_Free(self.near)
        PyMem_Free(self.noted)
        PyMem_Free(self.seen)
        PyMem_Free(self.block)
        PyMem_Free(self.row)
        PyMem_Free(self.lazy)
        PyMem_Free(self.added)
        PyMem_Free(self.begin)
        PyMem_Free(self.peak)


@cython.final
cdef class Scorer:
    cdef const long long[::1] word_ptr, gram_ptr, starts
    cdef const int[::1] word_row, gram_row, word_long, gram_long, word_blocks, gram_blocks, owner, frequent
    cdef const float[::1] word_impact, gram_impact, word_peaks, gram_peaks
    cdef const unsigned long long[::1] bits
    cdef Py_ssize_t rows_count, articles, sections, blocks, bits_needed
    cdef list spare
    # so many postings, and so many of n-grams, are added sooner than it is found out which of them are needed
    cdef public Py_ssize_t few
    cdef public Py_ssize_t few_grams
    # what it takes to look up an article in a list, in postings added
    cdef public Py_ssize_t lookup

    def __init__(self, words, grams, owner, article_sections, frequent, frequent_bits):
        self.word_ptr, self.word_row, self.word_impact, self.word_long, self.word_blocks, self.word_peaks = words
        self.gram_ptr, self.gram_row, self.gram_impact, self.gram_long, self.gram_blocks, self.gram_peaks = grams
        self.owner, self.starts = owner, article_sections
        self.frequent, self.bits = frequent, frequent_bits
        self.rows_count, self.articles = len(owner), len(article_sections) - 1
        self.sections = self.starts[self.articles]
        self.blocks = (self.sections + BLOCK - 1) // BLOCK
        self.bits_needed = self.articles // 64 + 1
        self.spare = []
        self.few, self.few_grams, self.lookup = 1500, 60_000, 32

    def best(
        self, plan, float question, allowed, float floor, pinned, Py_ssize_t wanted, Py_ssize_t start,
        Py_ssize_t stop,
    ):
        cdef Scratch scratch = self._scratch()
        cdef const unsigned long long* eligible = _bits(allowed) if allowed is not None else NULL
        cdef Query query
        cdef Walk walk
        cdef Top top
        cdef Scored* one
        cdef Py_ssize_t n
        if _Py_REFCNT(<PyObject*>scratch.strict) > 1:
            scratch.strict = _empty(self.bits_needed, _uint64)
            scratch.marked = _bits(scratch.strict)
        cdef object strict = scratch.strict
        cdef unsigned long long* marked = scratch.marked
        memset(marked, 0, self.bits_needed * sizeof(unsigned long long))
        memset(&query, 0, sizeof(Query))
        memset(&walk, 0, sizeof(Walk))
        memset(&top, 0, sizeof(Top))
        walk.marked, walk.eligible, walk.question, walk.least = marked, eligible, question, floor
        top.room = min(wanted, self.articles)
        try:
            self._make(&query, plan)
            top.article = <int*>PyMem_Malloc((top.room + 1) * sizeof(int))
            top.score = <float*>PyMem_Malloc((top.room + 1) * sizeof(float))
            if not top.article or not top.score:
                raise MemoryError
            # pinned articles take the first places; the rest is put in order behind them
            for article in pinned:
                if walk.fixed < top.room and (eligible == NULL or _has(eligible, article)):
                    top.article[walk.fixed] = article
                    walk.fixed += 1
            with nogil:
                for n in range(query.loose):
                    self._mark(&query.lists[n], marked)
                self._best(&query, scratch, &walk, &top)
            first = PyBytes_FromStringAndSize(<char*>top.article, top.used * sizeof(int))
            start, stop = min(start, top.used), min(stop, top.used)
            page = PyBytes_FromStringAndSize(NULL, max(stop - start, 0) * sizeof(Scored))
            one = <Scored*>PyBytes_AS_STRING(page)
            for n in range(start, stop):
                one.article, one.score, one.strict = top.article[n], top.score[n], _has(marked, top.article[n])
                self._shown(scratch, one)
                one += 1
            postings = query.postings
            self._clear(&query, scratch, &walk)
            self.spare.append(scratch)
        finally:
            _free(&query)
            PyMem_Free(top.article)
            PyMem_Free(top.score)
        # a named tuple's own way to be made takes half a microsecond of Python
        return _tuple(Best, (strict, first, page, postings))

    def rows(self, plan):
        strict = np.zeros(self.bits_needed, np.uint64)
        cdef unsigned long long[::1] matching = strict
        cdef Scratch scratch = self._scratch()
        cdef Query query
        cdef Py_ssize_t n
        memset(&query, 0, sizeof(Query))
        try:
            self._make(&query, plan)
            with nogil:
                for n in range(query.loose):
                    self._mark(&query.lists[n], &matching[0])
                _sum(&query, scratch, 0, query.used)
            rows = np.empty(self.rows_count, np.float32)
            for n in range(self.rows_count):
                rows[n] = scratch.sums[n]
        finally:
            _free(&query)
        return rows, strict

    def likeness(self, dict terms):
        scores = np.zeros(self.articles, np.float32)
        cdef float[::1] sums = scores
        for term, weight in terms.items():
            self._like(term, weight, sums)
        return scores

    def gains(self, dict terms, list articles):
        return [[self._gain(term, weight, article) for term, weight in terms.items()] for article in articles]

    cdef float _gain(self, Py_ssize_t term, float weight, Py_ssize_t article) noexcept:
        cdef Py_ssize_t end = self.word_ptr[term + 1]
        cdef Py_ssize_t n = _lower(&self.word_row[0], self.word_ptr[term], end, self.starts[article])
        cdef float most = 0
        while n < end and self.word_row[n] < self.starts[article + 1]:
            most = self.word_impact[n] if self.word_impact[n] > most else most
            n += 1
        return weight * most

    cdef void _like(self, Py_ssize_t term, float weight, float[::1] sums) noexcept:
        cdef Py_ssize_t n = self.word_ptr[term], end = self.word_ptr[term + 1]
        cdef int article
        cdef float most
        with nogil:
            while n < end and self.word_row[n] < self.sections:
                article, most = self.owner[self.word_row[n]], self.word_impact[n]
                n += 1
                while n < end and self.word_row[n] < self.starts[article + 1]:
                    most = self.word_impact[n] if self.word_impact[n] > most else most
                    n += 1
                sums[article] += weight * most

    cdef Scratch _scratch(self):
        # one that failed is not used again
        return self.spare.pop() if self.spare else Scratch(self.rows_count, self.articles)

    # ------------------------------------------------------------ a query's lists

    cdef int _make(self, Query* query, plan) except -1:
        cdef dict words = plan.words, loose = plan.loose, grams = plan.grams
        cdef tuple concepts = plan.concepts
        cdef Py_ssize_t room = len(words) + len(loose) + len(grams) + 1, number = 0, first
        for group in concepts:
            room += len(group)
        query.lists = <Postings*>PyMem_Calloc(room, sizeof(Postings))
        if not query.lists:
            raise MemoryError
        for term, weight in words.items():
            self._word(query, term, weight)
        _shortest_first(query, 0)
        for group in concepts:
            first = query.used
            for alternative in group:
                terms = alternative.terms
                if len(terms) == 1:
                    self._word(query, terms[0], alternative.weight)
                else:
                    self._all_of(query, terms, alternative.weight)
                query.lists[query.used - 1].group = 0
            query.lists[first].group = query.used - first
        query.loose = query.used
        for term, weight in loose.items():
            self._word(query, term, weight)
        query.grams = query.used
        for term, weight in grams.items():
            number = term
            self._list(
                query, &self.gram_row[0] + self.gram_ptr[number], &self.gram_impact[0] + self.gram_ptr[number],
                self.gram_ptr[number + 1] - self.gram_ptr[number], weight,
            )
            if self.gram_long[number] >= 0:
                self._blocks(&query.lists[query.used - 1], self.gram_long[number], self.gram_blocks, self.gram_peaks)
        _shortest_first(query, query.grams)
        return 0

    cdef Postings* _list(
        self, Query* query, const int* row, const float* impact, Py_ssize_t size, float weight
    ) noexcept:
        cdef Postings* made = &query.lists[query.used]
        made.row, made.impact, made.size, made.weight = row, impact, size, weight
        made.group, made.end = 1, size
        # rows ascend: those of `questions`, if there are any, are the last
        made.sections = size
        if self.rows_count > self.sections and size and row[size - 1] >= self.sections:
            made.sections = _lower(row, 0, size, self.sections)
        query.used += 1
        return made

    cdef void _word(self, Query* query, Py_ssize_t term, float weight) noexcept:
        cdef Py_ssize_t begin = self.word_ptr[term]
        cdef Postings* made = self._list(
            query, &self.word_row[0] + begin, &self.word_impact[0] + begin, self.word_ptr[term + 1] - begin, weight
        )
        if self.word_long[term] >= 0:
            self._blocks(made, self.word_long[term], self.word_blocks, self.word_peaks)
        if self.frequent[term] >= 0:
            made.articles = &self.bits[0] + self.frequent[term] * self.bits_needed

    cdef void _blocks(
        self, Postings* one, Py_ssize_t number, const int[::1] blocks, const float[::1] peaks
    ) noexcept nogil:
        one.first = &blocks[0] + number * (self.blocks + 1)
        one.last = one.first + 1
        one.peak = &peaks[0] + number * self.blocks

    cdef int _all_of(self, Query* query, tuple terms, float weight) except -1:
        # the rows where all terms stand, and their mean impact there
        cdef Py_ssize_t term = terms[0], begin = self.word_ptr[term], size = self.word_ptr[term + 1] - begin
        cdef Py_ssize_t n, kept, place, end, read = size
        cdef int* row = <int*>PyMem_Malloc((size + 1) * sizeof(int))
        cdef float* total = <float*>PyMem_Malloc((size + 1) * sizeof(float))
        if not row or not total:
            PyMem_Free(row)
            PyMem_Free(total)
            raise MemoryError
        for n in range(size):
            row[n], total[n] = self.word_row[begin + n], self.word_impact[begin + n]
        for other in terms[1:]:
            term = other
            place, end, kept = self.word_ptr[term], self.word_ptr[term + 1], 0
            read += end - place
            for n in range(size):
                while place < end and self.word_row[place] < row[n]:
                    place += 1
                if place < end and self.word_row[place] == row[n]:
                    row[kept], total[kept] = row[n], total[n] + self.word_impact[place]
                    kept += 1
            size = kept
        for n in range(size):
            total[n] = total[n] / <float>len(terms)
        self._list(query, row, total, size, weight).owned = True
        query.postings += read - size
        return 0

    cdef void _mark(self, const Postings* one, unsigned long long* marked) noexcept nogil:
        cdef Py_ssize_t n
        if one.articles != NULL:
            for n in range(self.bits_needed):
                marked[n] |= one.articles[n]
        else:
            for n in range(one.size):
                _put(marked, self.owner[one.row[n]])

    # ------------------------------------------------------------ the best articles

    cdef void _best(self, Query* query, Scratch scratch, Walk* walk, Top* top) noexcept nogil:
        # MaxScore (Turtle and Flood 1995): once nothing but n-grams can raise an article among the best, those
        # with long lists, which add but little, are looked up for the articles alone that are near enough
        cdef const unsigned long long* eligible = walk.eligible if walk.eligible != NULL else walk.marked
        cdef Py_ssize_t last = query.used
        cdef bint enough, chosen = False
        walk.matches = in_both(walk.marked, eligible, self.bits_needed)
        enough = walk.matches >= top.room + walk.fixed
        query.lazy = enough and query.used <= MOST_LISTS and _postings(query, 0) >= self.few
        if query.lazy:
            self._know_blocks(query, scratch)
        else:
            _add(query, scratch, query.grams)
        self._ask(query, scratch, walk)
        if not query.lazy and enough and _postings(query, query.grams) >= self.few_grams:
            self._choose(query, scratch, walk, top)
            chosen = True
            if top.used == top.room:
                self._weigh(query)
                last = _left(query, LEFT_SHARE * top.bar)
        if query.added < last:
            _add(query, scratch, last)
            chosen = False
        if not chosen:
            self._choose(query, scratch, walk, top)
        if last < query.used:
            if self._near(query, scratch, walk, top):
                self._complete(query, scratch, walk, top)
            else:
                _add(query, scratch, query.used)
            self._choose(query, scratch, walk, top)

    cdef void _know_blocks(self, Query* query, Scratch scratch) noexcept nogil:
        # Block-Max (Ding and Suel 2011): what each block may reach. It is added up when it is asked for; but short
        # lists, which come first, and lines of `questions`, which are in no block, are now
        cdef Py_ssize_t n
        cdef Postings* one
        memset(scratch.block, 0, self.blocks * sizeof(float))
        query.known = self.blocks
        while query.short < query.used and query.lists[query.short].group == 1 and not query.lists[query.short].peak:
            query.short += 1
        for n in range(query.short):
            _add_raising(&query.lists[n], scratch.sums, scratch.block)
            query.postings += query.lists[n].size
        for n in range(query.short, query.used):
            one = &query.lists[n]
            if one.peak == NULL:
                self._find_blocks(one, scratch.begin + 2 * n * self.blocks, scratch.peak + n * self.blocks)
            _add_peaks(one, scratch.block, self.blocks)
            one.begin = one.sections
        _sum(query, scratch, query.short, query.used)
        query.added = query.used

    cdef void _find_blocks(self, Postings* one, int* begin, float* peak) noexcept nogil:
        # of a short list what is stored of a long one
        cdef int* end = begin + self.blocks
        cdef Py_ssize_t n, block, before = -1
        memset(begin, 0, 2 * self.blocks * sizeof(int))
        memset(peak, 0, self.blocks * sizeof(float))
        for n in range(one.sections):
            block = one.row[n] // BLOCK
            if block != before:
                begin[block], before = <int>n, block
            end[block] = <int>n + 1
            peak[block] = one.impact[n] if one.impact[n] > peak[block] else peak[block]
        one.first, one.last, one.peak = begin, end, peak

    cdef void _add_block(self, Query* query, Scratch scratch, Py_ssize_t block) noexcept nogil:
        if not scratch.added[block]:
            scratch.added[block] = 1
            scratch.lazy[query.blocks] = <int>block
            query.blocks += 1
            _sum_block(query, scratch, block)

    cdef void _add_article(self, Query* query, Scratch scratch, Py_ssize_t article) noexcept nogil:
        cdef Py_ssize_t block
        if query.lazy:
            for block in range(self.starts[article] // BLOCK, (self.starts[article + 1] - 1) // BLOCK + 1):
                self._add_block(query, scratch, block)

    cdef void _weigh(self, Query* query) noexcept nogil:
        # what n-grams may add
        cdef Py_ssize_t n
        cdef Postings* one
        for n in range(query.grams, query.used):
            one = &query.lists[n]
            one.most = one.weight * (
                highest_of(one.peak, self.blocks) if one.peak != NULL else highest_of(one.impact, one.size)
            )

    cdef void _ask(self, const Query* query, Scratch scratch, Walk* walk) noexcept nogil:
        # the best line of `questions` of each article that has one
        cdef Py_ssize_t n, i
        cdef int article
        cdef float value, most = 0
        for n in range(query.used):
            for i in range(query.lists[n].sections, query.lists[n].size):
                value = scratch.sums[query.lists[n].row[i]]
                article = self.owner[query.lists[n].row[i]]
                if value > scratch.line[article]:
                    if scratch.line[article] == 0:
                        scratch.asked[walk.asked] = article
                        walk.asked += 1
                    scratch.line[article] = value
                    most = value if value > most else most
        walk.extra = walk.question * most

    cdef bint _near(self, Query* query, Scratch scratch, Walk* walk, const Top* top) noexcept nogil:
        # notes the articles that may reach the bar with the lists that are left, and says whether they are few
        cdef Py_ssize_t n
        cdef Top bar
        bar.bar = ROUNDED * top.bar
        walk.rest = _most(query, query.added)
        if walk.rest >= bar.bar:
            walk.rest = 0
            return False
        walk.strict, walk.floor, walk.noted = True, 0, scratch.noted
        self._walk(query, scratch, walk, &bar)
        walk.noted, walk.rest = NULL, 0
        for n in range(walk.fixed):
            _put(scratch.noted, top.article[n])
        walk.near = in_both(scratch.noted, scratch.noted, self.bits_needed)
        if walk.near * (query.used - query.added) * self.lookup > _postings(query, query.added):
            memset(scratch.noted, 0, self.bits_needed * sizeof(unsigned long long))
            return False
        walk.among = scratch.noted
        return True

    cdef void _complete(self, Query* query, Scratch scratch, const Walk* walk, const Top* top) noexcept nogil:
        # adds up the lists that are left for the articles noted, list after list; fewer and fewer may reach the bar
        cdef Py_ssize_t n, i, kept, used = 0
        cdef unsigned long long word
        cdef float rest
        cdef int article
        for n in range(self.bits_needed):
            word = walk.among[n]
            while word:
                scratch.near[used] = <int>(64 * n + __builtin_ctzll(word))
                used += 1
                word &= word - 1
        for n in range(query.added, query.used):
            query.lists[n].end = 0
            for i in range(used):
                _soon(&query.lists[n], self.starts[scratch.near[i]] // BLOCK)
            for i in range(used):
                _go_to(&query.lists[n], self.starts[scratch.near[i]], self.starts[scratch.near[i] + 1])
                _add_list(&query.lists[n], scratch.sums)
                query.postings += query.lists[n].end - query.lists[n].begin
            if n & 3:
                continue
            kept, rest = 0, _most(query, n + 1)
            for i in range(used):
                article = scratch.near[i]
                if self._score(scratch, walk, article) + rest >= ROUNDED * top.bar or _is_pinned(
                    walk, top, article
                ):
                    scratch.near[kept] = article
                    kept += 1
            used = kept

    cdef float _score(self, Scratch scratch, const Walk* walk, Py_ssize_t article) noexcept nogil:
        cdef Py_ssize_t n
        cdef float best = 0
        for n in range(self.starts[article], self.starts[article + 1]):
            best = scratch.sums[n] if scratch.sums[n] > best else best
        return best + walk.question * scratch.line[article] if walk.asked else best

    cdef void _choose(self, Query* query, Scratch scratch, Walk* walk, Top* top) noexcept nogil:
        # pinned, strict matches, then what loose words and n-grams found alone
        cdef Py_ssize_t strict, n
        for n in range(walk.fixed):
            self._add_article(query, scratch, top.article[n])
            top.score[n] = self._score(scratch, walk, top.article[n])
        top.used = walk.fixed
        memset(scratch.seen, 0, self.bits_needed * sizeof(unsigned long long))
        for n in range(walk.fixed):
            _put(scratch.seen, top.article[n])
        for strict in range(1, -1, -1):
            if top.used == top.room:
                return
            walk.strict, top.begin = strict, top.used
            walk.floor = 0 if strict else walk.least
            top.bar = LEAST if strict or walk.least < LEAST else walk.least
            self._walk(query, scratch, walk, top)
            _put_in_order(top)

    cdef void _walk(self, Query* query, Scratch scratch, const Walk* walk, Top* top) noexcept nogil:
        # offers every article that may reach the bar, each perhaps several times
        cdef const unsigned long long* eligible = walk.eligible if walk.eligible != NULL else walk.marked
        cdef float more = walk.extra + walk.rest
        cdef unsigned long long word
        cdef Py_ssize_t n, first
        if walk.among != NULL:
            self._every(query, walk.among, walk.among, scratch, walk, top)
            return
        query.few = not query.lazy and _few(query, self.rows_count)
        # when a filter or a rare word leaves few articles, these are offered, and no sum is looked at
        if walk.strict and walk.matches * BLOCK <= (query.postings if query.few else self.sections):
            self._every(query, walk.marked, eligible, scratch, walk, top)
            return
        for n in range(walk.asked):
            self._offer(query, scratch, walk, scratch.asked[n], top)
        if walk.noted == NULL:
            self._raise_bar(query, scratch, walk, top)
        for first in range(0, query.known, 64):
            word = reaching(scratch.block + first, query.known - first, more, top.bar)
            self._add_blocks(query, scratch, first, word)
            while word:
                self._block(query, scratch, walk, first + __builtin_ctzll(word), top)
                word &= word - 1

    cdef void _every(
        self, Query* query, const unsigned long long* one, const unsigned long long* other, Scratch scratch,
        const Walk* walk, Top* top,
    ) noexcept nogil:
        cdef unsigned long long word
        cdef Py_ssize_t n
        for n in range(self.bits_needed):
            word = one[n] & other[n]
            while word:
                self._offer(query, scratch, walk, <int>(64 * n + __builtin_ctzll(word)), top)
                word &= word - 1

    cdef void _raise_bar(self, Query* query, Scratch scratch, const Walk* walk, Top* top) noexcept nogil:
        # as many of the highest blocks as there are places come first: few others reach the bar then
        cdef unsigned long long word
        cdef Py_ssize_t first
        cdef float height
        if not query.lazy:
            self._know_sums(query, scratch)
        height = _height(scratch.block, query.known, top.room)
        for first in range(0, query.known, 64):
            word = reaching(scratch.block + first, query.known - first, 0, height)
            self._add_blocks(query, scratch, first, word)
            while word:
                self._offer_best(query, scratch, walk, first + __builtin_ctzll(word), top)
                word &= word - 1

    cdef void _add_blocks(
        self, Query* query, Scratch scratch, Py_ssize_t first, unsigned long long word
    ) noexcept nogil:
        # of these, a bit each; all are, and what is looked up far apart is asked for, before the first is read
        cdef unsigned long long left = word
        cdef Py_ssize_t n
        while query.lazy and left:
            for n in range(query.short, query.used):
                _soon(&query.lists[n], first + __builtin_ctzll(left))
            left &= left - 1
        while query.lazy and word:
            self._add_block(query, scratch, first + __builtin_ctzll(word))
            word &= word - 1

    cdef void _know_sums(self, Query* query, Scratch scratch) noexcept nogil:
        cdef Py_ssize_t n, i
        cdef const Postings* one
        query.known = 0 if query.few else self.blocks
        for n in range(query.known):
            scratch.block[n] = self._highest(scratch, n)
        for n in range(query.added if query.few else 0):
            one = &query.lists[n]
            for i in range(one.sections):
                scratch.row[query.known + i] = one.row[i]
                scratch.block[query.known + i] = scratch.sums[one.row[i]]
            query.known += one.sections

    cdef void _offer_best(
        self, Query* query, Scratch scratch, const Walk* walk, Py_ssize_t block, Top* top
    ) noexcept nogil:
        # the article with the best row of a block, or that of a posting
        cdef Py_ssize_t row
        if query.few:
            row = scratch.row[block]
        else:
            row = block * BLOCK
            row += __builtin_ctzll(
                reaching(scratch.sums + row, self.sections - row, 0, self._highest(scratch, block))
            )
        self._offer(query, scratch, walk, self.owner[row], top)

    cdef float _highest(self, Scratch scratch, Py_ssize_t block) noexcept nogil:
        return highest_of(scratch.sums + block * BLOCK, min(BLOCK, self.sections - block * BLOCK))

    cdef void _block(
        self, Query* query, Scratch scratch, const Walk* walk, Py_ssize_t block, Top* top
    ) noexcept nogil:
        cdef Py_ssize_t row, first = block * BLOCK
        cdef unsigned long long word
        cdef float more = walk.extra + walk.rest
        if scratch.block[block] + more < top.bar:
            return
        if query.few:
            self._offer_best(query, scratch, walk, block, top)
            return
        word = reaching(scratch.sums + first, self.sections - first, more, top.bar)
        while word:
            row = first + __builtin_ctzll(word)
            # the bar may be higher by now
            if scratch.sums[row] + more >= top.bar:
                self._offer(query, scratch, walk, self.owner[row], top)
            word &= word - 1

    cdef void _offer(
        self, Query* query, Scratch scratch, const Walk* walk, int article, Top* top
    ) noexcept nogil:
        cdef float score
        if _has(walk.marked, article) != walk.strict:
            return
        if walk.eligible != NULL and not _has(walk.eligible, article):
            return
        if walk.noted == NULL and _has(scratch.seen, article):
            return
        self._add_article(query, scratch, article)
        score = self._score(scratch, walk, article)
        if score + walk.rest < top.bar or score <= walk.floor:
            return
        if walk.noted != NULL:
            _put(walk.noted, article)
        else:
            _put(scratch.seen, article)
            _place(top, article, score)

    cdef void _shown(self, Scratch scratch, Scored* one) noexcept:
        # sections that answer, best first; the first section of an article that has none
        cdef int[4] chosen
        cdef Py_ssize_t n, place, first = self.starts[one.article], end = self.starts[one.article + 1]
        cdef float least = SECTION_SHARE * highest_of(scratch.sums + first, end - first)
        one.count, chosen[0], chosen[1], chosen[2] = 0, <int>first, 0, 0
        for n in range(first, end):
            if scratch.sums[n] < least or scratch.sums[n] <= 0:
                continue
            place = one.count
            while place and scratch.sums[chosen[place - 1]] < scratch.sums[n]:
                chosen[place] = chosen[place - 1]
                place -= 1
            chosen[place] = <int>n
            one.count = min(one.count + 1, 3)
        one.count = max(one.count, 1)
        for n in range(3):
            one.shown[n] = chosen[n] if n < one.count else 0

    cdef void _clear(self, const Query* query, Scratch scratch, const Walk* walk) noexcept nogil:
        cdef Py_ssize_t n, i, article
        cdef unsigned long long word
        for n in range(walk.asked):
            scratch.line[scratch.asked[n]] = 0
        if query.lazy:
            for n in range(query.added):
                for i in range(0 if n < query.short else query.lists[n].sections, query.lists[n].size):
                    scratch.sums[query.lists[n].row[i]] = 0
            for i in range(query.blocks):
                n = scratch.lazy[i]
                memset(scratch.sums + n * BLOCK, 0, min(BLOCK, self.sections - n * BLOCK) * sizeof(float))
                scratch.added[n] = 0
        elif not _few(query, self.rows_count):
            memset(scratch.sums, 0, self.rows_count * sizeof(float))
        else:
            for n in range(query.added):
                for i in range(query.lists[n].size):
                    scratch.sums[query.lists[n].row[i]] = 0
        if walk.among == NULL:
            return
        for n in range(self.bits_needed):
            word = walk.among[n]
            while word:
                article = 64 * n + __builtin_ctzll(word)
                for i in range(self.starts[article], self.starts[article + 1]):
                    scratch.sums[i] = 0
                word &= word - 1
        memset(scratch.noted, 0, self.bits_needed * sizeof(unsigned long long))


cdef struct Walk:
    const unsigned long long* marked
    const unsigned long long* eligible
    # where articles that may reach the bar are noted; NULL where they are put in order
    unsigned long long* noted
    # the only articles that may be among the best; NULL before that is known
    const unsigned long long* among
    # how many articles match strictly and are eligible
    Py_ssize_t matches
    float question
    # the most that lines of `questions` may add to a section, and that lists may that are left
    float extra
    float rest
    # what a score must exceed in this round, and what one must that is no strict match
    float floor
    float least
    # how many articles have lines that match, are pinned, were noted
    Py_ssize_t asked
    Py_ssize_t fixed
    Py_ssize_t near
    bint strict


cdef unsigned long long* _bits(object numbers) except NULL:
    # a memory view takes ten times as long; the numbers are not moved while they are used
    cdef Py_buffer held
    PyObject_GetBuffer(numbers, &held, PyBUF_SIMPLE)
    cdef void* first = held.buf
    PyBuffer_Release(&held)
    return <unsigned long long*>first


cdef void _free(Query* query) noexcept:
    cdef Py_ssize_t n
    for n in range(query.used):
        if query.lists[n].owned:
            PyMem_Free(<void*>query.lists[n].row)
            PyMem_Free(<void*>query.lists[n].impact)
    PyMem_Free(query.lists)


cdef float _height(const float* values, Py_ssize_t count, Py_ssize_t room) noexcept nogil:
    # what about as many of the values reach as there is room for, which come to stand in different lanes
    cdef float[256] best
    cdef Py_ssize_t n, lanes = 64 if room <= 16 else 256
    cdef float low = 0, high, height
    if 4 * room <= lanes < count:
        memset(best, 0, lanes * sizeof(float))
        highest_of_lanes(values, count, best, lanes)
        values, count = best, lanes
    high = highest_of(values, count)
    for n in range(HALVINGS):
        height = (low + high) / 2
        if how_many(values, count, height) >= room:
            low = height
        else:
            high = height
    return max(low, LEAST)


cdef inline bint _few(const Query* query, Py_ssize_t rows) noexcept nogil:
    # whether it is quicker to go through the postings once more than through all rows
    return query.postings < rows // FEW


cdef void _shortest_first(Query* query, Py_ssize_t first) noexcept nogil:
    cdef Py_ssize_t n, place
    cdef Postings one
    for n in range(first + 1, query.used):
        place = n
        while place > first and query.lists[place - 1].size > query.lists[n].size:
            place -= 1
        if place < n:
            one = query.lists[n]
            memmove(&query.lists[place] + 1, &query.lists[place], (n - place) * sizeof(Postings))
            query.lists[place] = one


cdef Py_ssize_t _left(const Query* query, float most) noexcept nogil:
    # the first of the last lists of n-grams that may add so much at most
    cdef Py_ssize_t n = query.used
    while n > query.grams and most >= query.lists[n - 1].most:
        n -= 1
        most -= query.lists[n].most
    return n


cdef float _most(const Query* query, Py_ssize_t first) noexcept nogil:
    cdef Py_ssize_t n
    cdef float most = 0
    for n in range(first, query.used):
        most += query.lists[n].most
    return most


cdef Py_ssize_t _postings(const Query* query, Py_ssize_t first) noexcept nogil:
    cdef Py_ssize_t n, postings = 0
    for n in range(first, query.used):
        postings += query.lists[n].size
    return postings


cdef inline void _soon(const Postings* one, Py_ssize_t block) noexcept nogil:
    # lists are long, and what is looked up lies far apart: the memory is told of it beforehand
    if one.first != NULL:
        __builtin_prefetch(one.row + one.first[block])
        __builtin_prefetch(one.impact + one.first[block])


cdef void _go_to(Postings* one, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # the postings of some rows next; rows ascend from call to call
    cdef Py_ssize_t low = one.end, step = 1
    if one.first != NULL:
        low = _lower(one.row, one.first[first // BLOCK], one.last[first // BLOCK], first)
    else:
        while low + step < one.size and one.row[low + step] < first:
            low += step
            step *= 2
        low = _lower(one.row, low, min(low + step, one.size), first)
    one.begin = one.end = low
    while one.end < one.size and one.row[one.end] < last:
        one.end += 1


cdef void _add(Query* query, Scratch scratch, Py_ssize_t last) noexcept nogil:
    # lists that are not added yet, up to `last`
    _sum(query, scratch, query.added, last)
    query.added = last


cdef void _sum_block(Query* query, Scratch scratch, Py_ssize_t block) noexcept nogil:
    cdef Py_ssize_t n
    cdef Postings* one
    for n in range(query.short, query.used):
        one = &query.lists[n]
        one.begin, one.end = one.first[block], one.last[block]
    _sum(query, scratch, query.short, query.used)


cdef void _sum(Query* query, Scratch scratch, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # of each list the postings whose turn it is
    cdef Py_ssize_t n, i, end
    for n in range(first, last):
        query.postings += query.lists[n].end - query.lists[n].begin
        end = n + query.lists[n].group
        if end == n + 1:
            _add_list(&query.lists[n], scratch.sums)
            continue
        for i in range(n, end):
            _raise(&query.lists[i], scratch.best)
        for i in range(n, end):
            _take(&query.lists[i], scratch.sums, scratch.best)


cdef void _add_list(const Postings* one, float* sums) noexcept nogil:
    cdef Py_ssize_t i
    cdef const int* row = one.row
    cdef const float* impact = one.impact
    cdef float weight = one.weight
    for i in range(one.begin, one.end):
        sums[row[i]] += weight * impact[i]


cdef void _add_raising(const Postings* one, float* sums, float* block) noexcept nogil:
    # a whole list, and the highest sum of each block
    cdef Py_ssize_t i
    cdef unsigned int row
    cdef float value
    for i in range(one.sections):
        row = one.row[i]
        value = sums[row] + one.weight * one.impact[i]
        sums[row] = value
        block[row // BLOCK] = value if value > block[row // BLOCK] else block[row // BLOCK]
    for i in range(one.sections, one.size):
        sums[one.row[i]] += one.weight * one.impact[i]


cdef void _add_peaks(const Postings* one, float* block, Py_ssize_t blocks) noexcept nogil:
    cdef Py_ssize_t n
    cdef const float* peak = one.peak
    cdef float weight = one.weight
    for n in range(blocks):
        block[n] += weight * peak[n]


cdef void _raise(const Postings* one, float* best) noexcept nogil:
    cdef Py_ssize_t i
    cdef float value
    for i in range(one.begin, one.end):
        value = one.weight * one.impact[i]
        if value > best[one.row[i]]:
            best[one.row[i]] = value


cdef void _take(const Postings* one, float* sums, float* best) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(one.begin, one.end):
        sums[one.row[i]] += best[one.row[i]]
        best[one.row[i]] = 0


cdef inline bint _before(const Top* top, Py_ssize_t one, Py_ssize_t other) noexcept nogil:
    # of equals the smaller number comes first
    if top.score[one] != top.score[other]:
        return top.score[one] > top.score[other]
    return top.article[one] < top.article[other]


cdef inline void _swap(Top* top, Py_ssize_t one, Py_ssize_t other) noexcept nogil:
    top.article[one], top.article[other] = top.article[other], top.article[one]
    top.score[one], top.score[other] = top.score[other], top.score[one]


cdef void _sink(Top* top, Py_ssize_t used) noexcept nogil:
    # the root of the heap goes where it belongs
    cdef Py_ssize_t place = 0, child = 1, begin = top.begin
    while child < used - begin:
        if child + 1 < used - begin and _before(top, begin + child, begin + child + 1):
            child += 1
        if not _before(top, begin + place, begin + child):
            return
        _swap(top, begin + place, begin + child)
        place = child
        child = 2 * place + 1


cdef void _place(Top* top, int article, float score) noexcept nogil:
    cdef Py_ssize_t begin = top.begin, place, parent
    if top.used < top.room:
        place = top.used - begin
        top.article[top.used], top.score[top.used] = article, score
        top.used += 1
        while place:
            parent = (place - 1) // 2
            if not _before(top, begin + parent, begin + place):
                break
            _swap(top, begin + parent, begin + place)
            place = parent
    elif score > top.score[begin] or (score == top.score[begin] and article < top.article[begin]):
        top.article[begin], top.score[begin] = article, score
        _sink(top, top.used)
    if top.used == top.room:
        top.bar = top.score[begin]


cdef void _put_in_order(Top* top) noexcept nogil:
    # best first: the worst goes to the end, again and again
    cdef Py_ssize_t used = top.used
    while used > top.begin + 1:
        used -= 1
        _swap(top, top.begin, used)
        _sink(top, used)


cdef bint _is_pinned(const Walk* walk, const Top* top, int article) noexcept nogil:
    cdef Py_ssize_t n
    for n in range(walk.fixed):
        if top.article[n] == article:
            return True
    return False


cdef inline bint _has(const unsigned long long* members, unsigned int article) noexcept nogil:
    return (members[article >> 6] >> (article & 63)) & 1


cdef inline void _put(unsigned long long* members, unsigned int article) noexcept nogil:
    members[article >> 6] |= <unsigned long long>1 << (article & 63)


cdef Py_ssize_t _lower(const int* row, Py_ssize_t low, Py_ssize_t high, Py_ssize_t least) noexcept nogil:
    cdef Py_ssize_t middle
    while low < high:
        middle = (low + high) // 2
        if row[middle] < least:
            low = middle + 1
        else:
            high = middle
    return low


def size(bits):
    cdef Py_ssize_t words = len(bits)
    cdef const unsigned long long* one = _bits(bits)
    return in_both(one, one, words)


def tally(sets, bits):
    cdef Py_ssize_t words = len(bits), n
    cdef const unsigned long long* some = _bits(bits)
    cdef const unsigned long long* every = _bits(sets)
    return [in_both(every + n * words, some, words) for n in range(len(sets))]
