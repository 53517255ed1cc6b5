# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""`kernel_numpy`, `scorer` and `sets`, compiled: how each does its work is said there; both give the same bits.

Whatever is long runs without the interpreter's lock; what is kept between calls (`Scratch`) belongs to one call
at a time, so any thread may call. Numbers are trusted, as everything in a snapshot that matches its checksums.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DATA, PyUnicode_KIND, PyUnicode_READ
from libc.limits cimport INT_MAX
from libc.stdlib cimport qsort
from libc.string cimport memcmp, memcpy, memmove, memset

import numpy as np

from kb.index.scorer import Best
from kb.text.graphemes import tears

cdef int WIDE = 0x2E80
cdef int MAX_STARTS = 200
cdef int LEAD = 60
cdef float SECTION_SHARE = 0.6
# the smallest score there is
cdef float LEAST = 1e-45

cdef extern from *:
    """
    #if defined(__SSE__)
    #include <xmmintrin.h>
    #endif

    /* Loops that compilers do not make of several floats at a time: SSE's maximum treats NaN in another way than C
       does, though there is none here, and they do not look ahead for what ends a loop. */

    /* The highest of floats that are not negative. */
    static float highest_of(const float *values, Py_ssize_t count) {
        float best = 0;
        Py_ssize_t i = 0;
    #if defined(__SSE__)
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

    /* From `i` on, the first that reaches the bar with so much more; `count` if none does. */
    static Py_ssize_t reaching(const float *values, Py_ssize_t i, Py_ssize_t count, float more, float bar) {
    #if defined(__SSE__)
        __m128 add = _mm_set1_ps(more), least = _mm_set1_ps(bar);
        for (; i + 8 <= count; i += 8) {
            int one = _mm_movemask_ps(_mm_cmpge_ps(_mm_add_ps(_mm_loadu_ps(values + i), add), least));
            int other = _mm_movemask_ps(_mm_cmpge_ps(_mm_add_ps(_mm_loadu_ps(values + i + 4), add), least));
            if (one | other) return i + __builtin_ctz(one | other << 4);
        }
    #endif
        while (i < count && !(values[i] + more >= bar)) i++;
        return i;
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
    Py_ssize_t reaching(
        const float* values, Py_ssize_t i, Py_ssize_t count, float more, float bar
    ) noexcept nogil
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
    HALVINGS = 8
    # with more lists than these hardly a block can be passed over
    MOST_LISTS = 7

# n-grams are left for the best articles alone while they may add this share of what the last of these has
cdef float LEFT_SHARE = 0.3
# sums of hundreds of 32-bit floats are rounded by less
cdef float ROUNDED = 0.9999


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
    # the highest sum of each block, or what is known of it; which are added up, if not all are
    cdef float* block
    cdef unsigned char* added
    # numbers of blocks
    cdef int* lazy
    # of the short lists of a query what is stored of the long ones
    cdef int* begin
    cdef float* peak

    def __cinit__(self, Py_ssize_t rows, Py_ssize_t articles):
        self.sums = <float*>PyMem_Calloc(rows + 1, sizeof(float))
        self.best = <float*>PyMem_Calloc(rows + 1, sizeof(float))
        self.line = <float*>PyMem_Calloc(articles + 1, sizeof(float))
        self.asked = <int*>PyMem_Calloc(articles + 1, sizeof(int))
        self.near = <int*>PyMem_Calloc(articles + 1, sizeof(int))
        self.noted = <unsigned long long*>PyMem_Calloc(articles // 64 + 1, sizeof(unsigned long long))
        self.seen = <unsigned long long*>PyMem_Calloc(articles // 64 + 1, sizeof(unsigned long long))
        self.block = <float*>PyMem_Malloc((rows // BLOCK + 1) * sizeof(float))
        self.added = <unsigned char*>PyMem_Calloc(rows // BLOCK + 1, 1)
        self.lazy = <int*>PyMem_Malloc((rows // BLOCK + 1) * sizeof(int))
        self.begin = <int*>PyMem_Malloc(2 * MOST_LISTS * (rows // BLOCK + 1) * sizeof(int))
        self.peak = <float*>PyMem_Malloc(MOST_LISTS * (rows // BLOCK + 1) * sizeof(float))
        if not (
            self.sums and self.best and self.line and self.asked and self.near and self.noted and self.seen
            and self.block and self.added and self.lazy and self.begin and self.peak
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
        PyMem_Free(self.added)
        PyMem_Free(self.lazy)
        PyMem_Free(self.begin)
        PyMem_Free(self.peak)


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
        self.few, self.few_grams, self.lookup = 1000, 60_000, 32

    def best(
        self, plan, float question, allowed, float floor, pinned, Py_ssize_t wanted, Py_ssize_t start,
        Py_ssize_t stop,
    ):
        strict = np.zeros(self.bits_needed, np.uint64)
        cdef unsigned long long[::1] matching = strict
        cdef const unsigned long long[::1] may = allowed
        cdef const unsigned long long* eligible = &may[0] if may is not None else NULL
        cdef unsigned long long* marked = &matching[0]
        cdef Scratch scratch = self._scratch()
        cdef Query query
        cdef Walk walk
        cdef Top top
        cdef Py_ssize_t n
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
            first = [top.article[n] for n in range(top.used)]
            page = [
                (top.article[n], top.score[n], bool(_has(marked, top.article[n])),
                 self._shown(scratch, top.article[n]))
                for n in range(min(start, top.used), min(stop, top.used))
            ]
            postings = query.postings
            self._clear(&query, scratch, &walk)
            self.spare.append(scratch)
        finally:
            _free(&query)
            PyMem_Free(top.article)
            PyMem_Free(top.score)
        return Best(strict, first, page, postings)

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
        # rows ascend: those of `questions`, if any, are the last
        made.sections = size
        if size and row[size - 1] >= self.sections:
            made.sections = _lower(row, 0, size, self.sections)
        query.used += 1
        return made

    cdef void _word(self, Query* query, Py_ssize_t term, float weight) except *:
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
        cdef bint enough = in_both(walk.marked, eligible, self.bits_needed) >= top.room + walk.fixed
        cdef bint chosen = False
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
        while query.short < query.used and query.lists[query.short].group == 1 and not query.lists[query.short].peak:
            query.short += 1
        _sum(query, scratch, 0, query.short)
        for n in range(query.short):
            _raise_blocks(&query.lists[n], scratch.sums, scratch.block)
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
                _soon(&query.lists[n], self.starts[scratch.near[i]])
            for i in range(used):
                _go_to(&query.lists[n], self.starts[scratch.near[i]], self.starts[scratch.near[i] + 1])
                _add_list(&query.lists[n], scratch.sums)
                query.postings += query.lists[n].end - query.lists[n].begin
            if n & 3:
                continue
            kept, rest = 0, _most(query, n + 1)
            for i in range(used):
                article = scratch.near[i]
                if self._score(scratch, walk.question, article) + rest >= ROUNDED * top.bar or _is_pinned(
                    walk, top, article
                ):
                    scratch.near[kept] = article
                    kept += 1
            used = kept

    cdef float _score(self, Scratch scratch, float question, Py_ssize_t article) noexcept nogil:
        cdef Py_ssize_t n
        cdef float best = 0
        for n in range(self.starts[article], self.starts[article + 1]):
            best = scratch.sums[n] if scratch.sums[n] > best else best
        return best + question * scratch.line[article]

    cdef void _choose(self, Query* query, Scratch scratch, Walk* walk, Top* top) noexcept nogil:
        # pinned, strict matches, then what loose words and n-grams found alone
        cdef Py_ssize_t strict, n
        for n in range(walk.fixed):
            self._add_article(query, scratch, top.article[n])
            top.score[n] = self._score(scratch, walk.question, top.article[n])
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
        cdef Py_ssize_t n, i
        if walk.among != NULL:
            self._every(query, walk.among, walk.among, scratch, walk, top)
            return
        # when a filter or a rare word leaves few articles, these are offered, and no row is looked at
        if walk.strict and in_both(walk.marked, eligible, self.bits_needed) * BLOCK <= self.sections:
            self._every(query, walk.marked, eligible, scratch, walk, top)
            return
        for n in range(walk.asked):
            self._offer(query, scratch, walk, scratch.asked[n], top)
        if not query.lazy and _few(query, self.rows_count):
            for n in range(query.added):
                for i in range(query.lists[n].sections):
                    if scratch.sums[query.lists[n].row[i]] + more >= top.bar:
                        self._offer(query, scratch, walk, self.owner[query.lists[n].row[i]], top)
            return
        if walk.noted == NULL:
            self._raise_bar(query, scratch, walk, top)
        n = reaching(scratch.block, 0, self.blocks, more, top.bar)
        while n < self.blocks:
            self._block(query, scratch, walk, n, top)
            n = reaching(scratch.block, n + 1, self.blocks, more, top.bar)

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
        cdef Py_ssize_t n
        cdef float low = 0, high, height
        if not query.lazy:
            for n in range(self.blocks):
                scratch.block[n] = self._highest(scratch, n)
        high = highest_of(scratch.block, self.blocks)
        if high == 0:
            return
        for n in range(HALVINGS):
            height = (low + high) / 2
            if how_many(scratch.block, self.blocks, height) >= top.room:
                low = height
            else:
                high = height
        n = reaching(scratch.block, 0, self.blocks, 0, max(low, LEAST))
        while n < self.blocks:
            self._offer_best(query, scratch, walk, n, top)
            n = reaching(scratch.block, n + 1, self.blocks, 0, max(low, LEAST))

    cdef void _offer_best(
        self, Query* query, Scratch scratch, const Walk* walk, Py_ssize_t block, Top* top
    ) noexcept nogil:
        # the article with the best row of a block
        cdef Py_ssize_t row
        if query.lazy:
            self._add_block(query, scratch, block)
        row = reaching(scratch.sums, block * BLOCK, self.sections, 0, self._highest(scratch, block))
        self._offer(query, scratch, walk, self.owner[row], top)

    cdef float _highest(self, Scratch scratch, Py_ssize_t block) noexcept nogil:
        return highest_of(scratch.sums + block * BLOCK, min(BLOCK, self.sections - block * BLOCK))

    cdef void _block(
        self, Query* query, Scratch scratch, const Walk* walk, Py_ssize_t block, Top* top
    ) noexcept nogil:
        cdef Py_ssize_t row, end = min((block + 1) * BLOCK, self.sections)
        cdef float more = walk.extra + walk.rest
        if query.lazy:
            self._add_block(query, scratch, block)
        row = reaching(scratch.sums, block * BLOCK, end, more, top.bar)
        while row < end:
            self._offer(query, scratch, walk, self.owner[row], top)
            row = reaching(scratch.sums, row + 1, end, more, top.bar)

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
        score = self._score(scratch, walk.question, article)
        if score + walk.rest < top.bar or score <= walk.floor:
            return
        if walk.noted != NULL:
            _put(walk.noted, article)
        else:
            _put(scratch.seen, article)
            _place(top, article, score)

    cdef tuple _shown(self, Scratch scratch, Py_ssize_t article):
        # sections that answer, best first; the first section of an article that has none
        cdef Py_ssize_t[3] chosen
        cdef Py_ssize_t used = 0, n, place, first = self.starts[article]
        cdef float value, least
        for n in range(first, self.starts[article + 1]):
            value = scratch.sums[n]
            place = used
            while place and scratch.sums[chosen[place - 1]] < value:
                place -= 1
            if place == 3:
                continue
            used = min(used + 1, 3)
            memmove(&chosen[place] + 1, &chosen[place], (used - place - 1) * sizeof(Py_ssize_t))
            chosen[place] = n
        least = SECTION_SHARE * scratch.sums[chosen[0]]
        while used and (scratch.sums[chosen[used - 1]] <= 0 or scratch.sums[chosen[used - 1]] < least):
            used -= 1
        if used == 3:
            return chosen[0], chosen[1], chosen[2]
        if used == 2:
            return chosen[0], chosen[1]
        return (chosen[0] if used else first,)

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


cdef void _free(Query* query) noexcept:
    cdef Py_ssize_t n
    for n in range(query.used):
        if query.lists[n].owned:
            PyMem_Free(<void*>query.lists[n].row)
            PyMem_Free(<void*>query.lists[n].impact)
    PyMem_Free(query.lists)


cdef inline bint _few(const Query* query, Py_ssize_t rows) noexcept nogil:
    # whether it is quicker to go through the postings once more than through all rows
    return query.postings < rows // 16


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


cdef inline void _soon(const Postings* one, Py_ssize_t first) noexcept nogil:
    # lists are long, and what is looked up lies far apart: the memory is told of all of it at once
    if one.first != NULL:
        __builtin_prefetch(one.row + one.first[first // BLOCK])
        __builtin_prefetch(one.impact + one.first[first // BLOCK])


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
    cdef Py_ssize_t n = first, i, end
    while n < last:
        end = n + query.lists[n].group
        if end == n + 1:
            _add_list(&query.lists[n], scratch.sums)
        else:
            for i in range(n, end):
                _raise(&query.lists[i], scratch.best)
            for i in range(n, end):
                _take(&query.lists[i], scratch.sums, scratch.best)
        for i in range(n, end):
            query.postings += query.lists[i].end - query.lists[i].begin
        n = end


cdef void _add_list(const Postings* one, float* sums) noexcept nogil:
    cdef Py_ssize_t i
    cdef const int* row = one.row
    cdef const float* impact = one.impact
    cdef float weight = one.weight
    for i in range(one.begin, one.end):
        sums[row[i]] += weight * impact[i]


cdef void _raise_blocks(const Postings* one, const float* sums, float* block) noexcept nogil:
    cdef Py_ssize_t i
    cdef float value
    for i in range(one.sections):
        value = sums[one.row[i]]
        if value > block[<unsigned int>one.row[i] // BLOCK]:
            block[<unsigned int>one.row[i] // BLOCK] = value


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


def size(const unsigned long long[::1] bits):
    return in_both(&bits[0], &bits[0], bits.shape[0])


def tally(const unsigned long long[:, ::1] sets, const unsigned long long[::1] bits):
    return [in_both(&sets[n, 0], &bits[0], bits.shape[0]) for n in range(sets.shape[0])]


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
    # where a term stands in a text
    int start
    int end
    int term


cdef struct Found:
    Match* at
    Py_ssize_t used
    Py_ssize_t room


cdef struct Text:
    int kind
    void* data
    Py_ssize_t size


cdef class Forward:
    cdef const long long[::1] ptr
    cdef const int[::1] term, start, end

    def __init__(self, ptr, term, start, end):
        self.ptr, self.term, self.start, self.end = ptr, term, start, end

    def snippet(
        self, Py_ssize_t section, str text, tuple wanted, list sequences, dict values, Py_ssize_t columns
    ):
        cdef Py_ssize_t first = self.ptr[section], count = self.ptr[section + 1] - first, n
        cdef Py_ssize_t[2] cut
        cdef Found found
        cdef Match* tokens = <Match*>PyMem_Malloc((count + 1) * sizeof(Match))
        memset(&found, 0, sizeof(Found))
        try:
            if not tokens:
                raise MemoryError
            for n in range(count):
                tokens[n] = Match(self.start[first + n], self.end[first + n], self.term[first + n])
            _matches(&found, tokens, count, wanted)
            if sequences:
                _phrases(&found, tokens, count, sequences, text)
            _excerpt(cut, text, &found, values, columns)
            return cut[0], cut[1], _marks(text, &found, cut[0], cut[1])
        finally:
            PyMem_Free(tokens)
            PyMem_Free(found.at)


def title_marks(str title, tuple terms, tuple spans, single, list sequences):
    cdef Py_ssize_t count = len(terms), n
    cdef Found found
    cdef Match* tokens
    memset(&found, 0, sizeof(Found))
    if not sequences and single.isdisjoint(terms):
        return []
    tokens = <Match*>PyMem_Malloc((count + 1) * sizeof(Match))
    try:
        if not tokens:
            raise MemoryError
        for n in range(count):
            start, end = spans[n]
            tokens[n] = Match(start, end, terms[n])
            if terms[n] in single:
                _keep(&found, tokens[n])
        if sequences:
            _phrases(&found, tokens, count, sequences, title)
        return _marks(title, &found, 0, len(title))
    finally:
        PyMem_Free(tokens)
        PyMem_Free(found.at)


def window(str text, list found, dict values, Py_ssize_t columns):
    cdef Py_ssize_t[2] cut
    cdef Found given
    _given(&given, found)
    try:
        _window(cut, text, &given, values, columns)
    finally:
        PyMem_Free(given.at)
    return cut[0], cut[1]


def excerpt(str text, list found, dict values, Py_ssize_t columns):
    cdef Py_ssize_t[2] cut
    cdef Found given
    _given(&given, found)
    try:
        _excerpt(cut, text, &given, values, columns)
    finally:
        PyMem_Free(given.at)
    return cut[0], cut[1]


def marks(str text, list found, Py_ssize_t left, Py_ssize_t right):
    cdef Found given
    _given(&given, found)
    try:
        return _marks(text, &given, left, right)
    finally:
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


cdef int _given(Found* made, list found) except -1:
    memset(made, 0, sizeof(Found))
    for start, end, term in found:
        _keep(made, Match(start, end, term))
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


cdef int _matches(Found* found, const Match* tokens, Py_ssize_t count, tuple wanted) except -1:
    cdef Py_ssize_t i, low, high, middle, terms = len(wanted)
    cdef int* term = <int*>PyMem_Malloc((terms + 1) * sizeof(int))
    if not term:
        raise MemoryError
    try:
        for i in range(terms):
            term[i] = wanted[i]
        for i in range(count):
            low, high = 0, terms
            while low < high:
                middle = (low + high) // 2
                if term[middle] < tokens[i].term:
                    low = middle + 1
                else:
                    high = middle
            if low < terms and term[low] == tokens[i].term:
                _keep(found, tokens[i])
    finally:
        PyMem_Free(term)
    return 0


cdef struct Kind:
    # one of the terms within a window
    int term
    int count
    double value


cdef int _window(Py_ssize_t* cut, str given, const Found* found, dict values, Py_ssize_t columns) except -1:
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
    cdef double* value = <double*>PyMem_Malloc(count * sizeof(double))
    try:
        if not inside or not value:
            raise MemoryError
        for number in range(count):
            value[number] = values[at[number].term]
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
                    inside[k] = Kind(at[other].term, 0, value[other])
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
        PyMem_Free(value)
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
            _keep(&tokens, Match(starts[n], ends[n], terms[n]))
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


cdef int _excerpt(Py_ssize_t* cut, str given, const Found* found, dict values, Py_ssize_t columns) except -1:
    cdef Text text = _text(given)
    cdef Py_ssize_t first, last, left, right, space
    _window(cut, given, found, values, columns)
    first, last = cut[0], cut[1]
    left = _lead(text, first, columns - _width(text, first, last))
    while left < first and (
        _at(text, left).isspace() or _follows(_at(text, left)) or _tears(given, text, left)
    ):
        left += 1
    right = _fit(text, left, columns)
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
    cdef Py_ssize_t place = first - 1
    while place >= start:
        if _ends_sentence(_at(text, place)) or (
            _at(text, place) == u"." and place + 1 < text.size and _at(text, place + 1) == u" "
        ):
            return place + 1
        place -= 1
    place = start
    while 0 < place < first and _is_narrow_letter(_at(text, place - 1)) and _is_narrow_letter(_at(text, place)):
        place += 1
    return place


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
    return tears(given, place)


cdef Py_ssize_t _whole(str given, Text text, Py_ssize_t end) except -1:
    while _tears(given, text, end):
        end += 1
    return end


cdef list _marks(str given, const Found* found, Py_ssize_t left, Py_ssize_t right):
    cdef Text text = _text(given)
    cdef Found inside
    cdef Py_ssize_t n
    cdef int begins = -1, reached = -1
    cdef list merged = []
    memset(&inside, 0, sizeof(Found))
    try:
        for n in range(found.used):
            if left <= found.at[n].start and found.at[n].end <= right:
                _keep(&inside, Match(
                    found.at[n].start - left, min(_whole(given, text, found.at[n].end), right) - left, 0
                ))
        if inside.used > 1:
            qsort(inside.at, inside.used, sizeof(Match), _order)
        for n in range(inside.used):
            if begins >= 0 and inside.at[n].start <= reached:
                reached = max(reached, inside.at[n].end)
            elif inside.at[n].end > inside.at[n].start:
                if begins >= 0:
                    merged.append((begins, reached))
                begins, reached = inside.at[n].start, inside.at[n].end
        if begins >= 0:
            merged.append((begins, reached))
        return merged
    finally:
        PyMem_Free(inside.at)


# ---------------------------------------------------------------- compiling a snapshot: `postings`


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
